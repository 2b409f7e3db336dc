/**
 * Goal: a frontend stays within 300 MiB and a storage node within 200 while many clients move
 * blocks of 4 MiB. `pnpm bench --memory` has the minutes, the crowd and the slow clients.
 *
 * Method: 64 clients in processes of their own for some seconds, twice what a frontend has buffers
 * for; the memory of every frontend and storage node is sampled meanwhile.
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { judgeMemory, measureMemory } from '@kura/bench'
import { expect, it } from 'vitest'

it('64 clients of 4 MiB leave frontends and storage nodes within their memory', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'kura-memory-'))
  const load = { name: '64 clients', clients: 64, slowClients: 0, seconds: 7 }
  const result = await measureMemory(load, { dataDir, hasCgroups: false, tell: () => undefined })
  const kinds = result.processes.map((process_) => process_.kind)
  expect(kinds).toContain('frontend')
  expect(kinds.filter((kind) => kind === 'storage-node')).toHaveLength(6)
  expect(judgeMemory([result]).filter((verdict) => !verdict.isKept)).toEqual([])
})
