/**
 * Goal: a sync that failed once is final. A second one would succeed, and the disk has old bytes.
 *
 * Method: extents are written past the page cache, so file systems do not set this trap for them;
 * a library loaded into the storage node (`native/lost-sync.c`) does. It puts back what was there
 * before the last write, fails that sync and lets all later ones succeed.
 */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB } from '@kura/core'
import { expect } from 'vitest'
import { makeBlock } from '../support/blocks.ts'
import { buildLostSync } from '../support/faults/build-lost-sync.ts'
import { faultTest } from '../support/faults/fault-test.ts'
import { withStores } from '../support/faults/with-stores.ts'

const EXTENT_BYTES = 8 * MIB
const BLOCK_BYTES = 20_000
const VERIFY_TIMEOUT_MS = 30_000
/** The third is ordered twice, and made the second time. */
const [FIRST, SECOND, THIRD] = [1, 2, 4]

const name = 'after one sync was lost the disk acknowledges nothing until all of it was read'
faultTest(name, { needs: ['ext4', 'lost-sync'] }, async () => {
  const library = await buildLostSync()
  const nodeEnvironment = (folder: string): NodeJS.ProcessEnv => ({
    LD_PRELOAD: library,
    LOST_SYNC_PATH: '.extent',
    LOST_SYNC_TRIGGER: join(folder, 'trigger'),
  })
  const options = { fileSystem: 'ext4', device: 'file', nodeEnvironment } as const
  await withStores(options, async ({ processes, client, folder }) => {
    const append = async (seed: string, extent: number) =>
      await client.append(makeBlock(seed, BLOCK_BYTES).bytes, extent)
    await client.createExtents(2, EXTENT_BYTES)
    const durable = [await append('a', FIRST), await append('b', SECOND), await append('c', FIRST)]

    await writeFile(join(folder, 'trigger'), '')
    const suspect = { code: 'disk-suspect' }
    await expect(append('lost', FIRST)).rejects.toMatchObject(suspect)
    for (const extent of [FIRST, SECOND]) {
      await expect(append(`next/${extent}`, extent)).rejects.toMatchObject(suspect)
    }

    // The mark is written while the answer is on its way.
    await expect.poll(() => existsSync(join(processes.node.dataDir, 'SUSPECT'))).toBe(true)
    await processes.node.kill('SIGKILL')
    processes.node.start()
    await expect.poll(() => processes.node.readinessProblem()).toMatch(/suspect/)
    client.reconnect()
    await expect(append('still', SECOND)).rejects.toMatchObject(suspect)
    await expect(client.createExtents(1, EXTENT_BYTES)).rejects.toMatchObject(suspect)
    const lost = makeBlock('lost', BLOCK_BYTES).hash
    expect(await client.read(lost)).toEqual({ kind: 'absent' })
    for (const hash of durable) expect(await client.read(hash)).toEqual({ kind: 'right' })

    const verified = await client.node.verifyDisk({}, { timeoutMs: VERIFY_TIMEOUT_MS })
    expect(verified).toMatchObject({ readmitted: true, damages: [] })
    await client.createExtents(1, EXTENT_BYTES)
    await append('after', THIRD)
  })
})
