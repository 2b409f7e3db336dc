/**
 * Goal: a rebuild that dies at any of its points leaves the old state or is finished by another
 * run, for the block index and for the replication table, and a disk that is away is not forgotten
 * in silence.
 *
 * Method: one zone under its own data; for each store and each point the command is killed there,
 * then run whole, and every acknowledged block is read back by a process of its own.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { KuraClient } from '@kura/client'
import type { BlockHash, Mark } from '@kura/core'
import type { LocalService } from '@kura/local'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { expectNothingLost, expectNothingWrong } from '../checkers/blocks-read-back.ts'
import { crashAt, receiptOf } from '../support/offline-command.ts'
import { PutLoad } from '../support/put-load.ts'
import { readBack } from '../support/read-report.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

const POINTS: readonly Mark[] = [
  'database.replace.filled',
  'database.replace.before',
  'database.replace.aside',
  'database.replace.published',
]
/** Where nothing is in place, the others are like these. */
const POINTS_OF_LOST: readonly Mark[] = ['database.replace.before', 'database.replace.published']
const STORES = [
  { name: 'block-index-1', database: 'block-index.sqlite' },
  { name: 'volume-manager-1-1', database: 'replication-table.sqlite' },
] as const

let scenario: ScenarioZone
const acknowledged = new Set<BlockHash>()

beforeAll(async () => {
  scenario = await startScenarioZone({ restarts: false })
})

afterAll(async () => {
  await scenario[Symbol.asyncDispose]()
})

async function putUnderLoad(seed: string): Promise<void> {
  const { pocket, block } = scenario.zone.endpoints
  const client = new KuraClient({ servers: [block], pocket, timeoutMs: 60_000 })
  const load = new PutLoad({ client, clientCount: 8, seed, sizesBytes: [3_000, 70_000, 1] })
  load.start()
  await load.acknowledgedMore(50)
  await load.stop()
  await client.close()
  for (const hash of load.acknowledged) acknowledged.add(hash)
}

async function startAndCheck(service: LocalService): Promise<void> {
  service.start()
  await service.waitReady()
  const report = await readBack(scenario.zone, acknowledged)
  expectNothingLost(report, acknowledged)
  expectNothingWrong(report)
}

for (const { name, database } of STORES) {
  for (const point of POINTS) {
    it(`${name}: killed at ${point}, the rebuild is finished by another run`, async () => {
      const service = scenario.zone.service(name)
      await putUnderLoad(`${name} ${point}`)
      await service.kill()
      const cut = await service.run(['rebuild', '--apply'], { environment: crashAt(point) })
      expect(cut.signal, cut.stderr).toBe('SIGKILL')
      receiptOf(await service.run(['rebuild', '--apply']))
      await startAndCheck(service)
    })
  }

  for (const point of POINTS_OF_LOST) {
    it(`${name}: killed at ${point}, a rebuild of what is lost is finished, too`, async () => {
      const service = scenario.zone.service(name)
      await service.kill()
      for (const suffix of ['', '-wal']) {
        await rm(join(service.dataDir, database + suffix), { force: true })
      }
      const cut = await service.run(['rebuild', '--apply'], { environment: crashAt(point) })
      expect(cut.signal, cut.stderr).toBe('SIGKILL')
      receiptOf(await service.run(['rebuild', '--apply']))
      await startAndCheck(service)
    })
  }
}

it('with a node away the table is not rebuilt, unless it is left out in so many words', async () => {
  const manager = scenario.zone.service('volume-manager-1-1')
  const node = scenario.zone.service('storage-node-1-2')
  await Promise.all([manager.kill(), node.kill()])
  const refused = await manager.run(['rebuild', '--apply'])
  expect(refused.stderr).toContain('node 1-2')
  const without = ['rebuild', '--apply', '--leave-out-unreadable']
  expect(receiptOf(await manager.run(without))).toMatchObject({ silentNodes: ['1-2'], disks: 5 })
  await startAndCheck(manager)
  await manager.kill()
  node.start()
  await node.waitReady()
  expect(receiptOf(await manager.run(['rebuild', '--apply']))).toMatchObject({ disks: 6 })
  await startAndCheck(manager)
})
