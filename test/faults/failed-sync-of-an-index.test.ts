/**
 * Goal: after a failed sync of its database the block index acknowledges nothing that the disk does
 * not have, in that process or in the next.
 *
 * Method: the trap that file systems set. The sectors of the write-ahead log fail to be written,
 * once, while the file system's own journal works: the sync of a row fails, a second sync would
 * succeed, the page cache shows the row and the disk has old bytes. The sectors then heal, the
 * process is started again and acknowledges more rows, and the power is cut.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileSystem } from '@kura/testkit'
import { expect } from 'vitest'
import { makeBlock, type TestBlock } from '../support/blocks.ts'
import { faultTest } from '../support/faults/fault-test.ts'
import type { StoreClient } from '../support/faults/store-client.ts'
import { withStores, type Stores } from '../support/faults/with-stores.ts'

const FILE_SYSTEMS: readonly FileSystem[] = ['ext4', 'xfs']
const BUCKET = 1
const ROWS = 12
const CHECKPOINT_TIMEOUT_MS = 30_000
const EXIT_DATABASE_FAILED = 'exit code 74'

for (const fileSystem of FILE_SYSTEMS) {
  const needs = [fileSystem, 'fault-disk'] as const
  const name = `on ${fileSystem} rows put after a failed sync of the index survive a power cut`
  faultTest(name, { needs }, async () => {
    await withStores({ fileSystem, device: 'fault-disk' }, async (stores) => {
      const { disk, processes, client } = stores
      await client.index.createGate({ bucketId: BigInt(BUCKET) })
      const before = await recordRows(client, `${fileSystem}/before`)
      await waitForCheckpoint(stores)

      // The log's new header is on the disk: what fails now are the frames of one row.
      await recordRow(client, makeBlock(`${fileSystem}/first`, 100))
      await failWritesOfLog(stores)
      const doubtful = makeBlock(`${fileSystem}/doubtful`, 100)
      const refused = recordRow(client, doubtful)
      await expect(refused).rejects.toMatchObject({ code: 'unknown-outcome' })
      await expect(recordRow(client, makeBlock('next', 100))).rejects.toThrow()
      await disk.faults.heal()
      expect(await processes.index.waitExit(10_000)).toBe(true)
      expect(await processes.index.readinessProblem()).toContain(EXIT_DATABASE_FAILED)

      await processes.restart()
      client.reconnect()
      const wasThere = await client.isRecorded(doubtful.hash)
      const after = await recordRows(client, `${fileSystem}/after`)
      await processes.cutPower(disk)
      client.reconnect()
      const lost = await listLost(client, [...before, ...after])
      expect(lost, 'acknowledged rows that are gone').toEqual([])
      // Found once is found for ever.
      if (wasThere) expect(await client.isRecorded(doubtful.hash)).toBe(true)
    })
  })
}

async function recordRow(client: StoreClient, block: TestBlock): Promise<void> {
  await client.record(block.hash, { extent: BUCKET, bytes: block.bytes })
}

async function recordRows(client: StoreClient, seed: string): Promise<readonly TestBlock[]> {
  const blocks = Array.from({ length: ROWS }, (_, at) => makeBlock(`${seed}/${at}`, 100))
  for (const block of blocks) await recordRow(client, block)
  return blocks
}

async function listLost(client: StoreClient, blocks: readonly TestBlock[]): Promise<string[]> {
  const lost: string[] = []
  for (const { hash } of blocks) if (!(await client.isRecorded(hash))) lost.push(hash)
  return lost
}

/** From then on the log is written from its start: in place, where old bytes are. */
async function waitForCheckpoint({ processes }: Stores): Promise<void> {
  const database = join(processes.index.dataDir, 'block-index.sqlite')
  const writtenAt = async (path: string): Promise<number> => (await stat(path)).mtimeMs
  const logAtMs = await writtenAt(`${database}-wal`)
  const options = { timeout: CHECKPOINT_TIMEOUT_MS }
  await expect.poll(() => writtenAt(database), options).toBeGreaterThan(logAtMs)
}

async function failWritesOfLog({ disk, processes }: Stores): Promise<void> {
  const log = join(processes.index.dataDir, 'block-index.sqlite-wal')
  const range = { offsetBytes: 0, sizeBytes: (await stat(log)).size }
  for (const sectors of await disk.sectorsOf(log, range)) await disk.faults.failWrites(sectors)
}
