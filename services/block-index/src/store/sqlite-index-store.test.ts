/** What the contract cannot say: this engine's durability, its failures and its checkpoints. */
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { hashFromBytes, isKuraError, parseBucketId, parsePocketId, parseZoneId } from '@kura/core'
import { initialiseDatabase, openDatabase, type KuraDatabase } from '@kura/database'
import {
  ManualClock,
  SeededRandom,
  temporaryDirectory,
  type TemporaryDirectory,
} from '@kura/testkit'
import type { BlockPut } from './index-store.ts'
import { databaseIdentity, databasePath, MIGRATIONS } from './schema.ts'
import { SqliteIndexStore, type IndexStoreEvents } from './sqlite-index-store.ts'

const PLACE = { pocket: parsePocketId('local'), zone: parseZoneId('a') }
const BUCKET = parseBucketId(7)

let directory: TemporaryDirectory
let clock: ManualClock
let database: KuraDatabase
let store: SqliteIndexStore

beforeEach(async () => {
  directory = await temporaryDirectory()
  clock = new ManualClock()
  initialiseDatabase({
    path: databasePath(directory.path),
    genesis: databaseIdentity(PLACE),
    random: new SeededRandom(1),
    migrations: MIGRATIONS,
  })
})
afterEach(async () => {
  await store.close()
  await directory[Symbol.asyncDispose]()
})

async function open(events: IndexStoreEvents = {}): Promise<void> {
  database = openDatabase({
    path: databasePath(directory.path),
    expected: databaseIdentity(PLACE),
    migrations: MIGRATIONS,
  })
  store = new SqliteIndexStore({ database, clock, tMinMs: 1000, events })
  const gate = store.createGate(BUCKET)
  await clock.advance(2)
  await gate
}

function put(text: string): BlockPut {
  const hash = hashFromBytes(createHash('sha256').update(text).digest())
  return { hash, bucketId: BUCKET, sizeBytes: 1, plainCrc: 1 }
}

it('the database under the store is in WAL mode and fully synchronous, at every open', async () => {
  for (let round = 0; round < 2; round += 1) {
    await open()
    const settings = database.transaction(() => [
      database.prepare('pragma journal_mode').get(),
      database.prepare('pragma synchronous').get(),
    ])
    expect(settings).toEqual([{ journal_mode: 'wal' }, { synchronous: 2 }])
    await store.close()
  }
})

it('a batch tells its size and its time, and asks for a checkpoint when the log has grown', async () => {
  const commits: number[] = []
  let dueCount = 0
  await open({
    onCommit: ({ operationCount }) => commits.push(operationCount),
    onCheckpointDue: () => (dueCount += 1),
  })
  expect(store.checkpoint()).toBe(false)
  const puts = Array.from({ length: 520 }, (_, index) => store.recordBlock(put(`${index}`)))
  expect(store.waitingCount).toBe(520)
  await clock.advance(10)
  await Promise.all(puts)
  expect(commits).toEqual([1, 256, 256, 8])
  expect(dueCount).toBe(2)
  expect(store.checkpoint()).toBe(true)
  expect(store.checkpoint()).toBe(false)
})

it('more operations than may wait are refused at once', async () => {
  await open()
  const puts = Array.from({ length: 4096 }, (_, index) => store.recordBlock(put(`${index}`)))
  await expect(store.recordBlock(put('one more'))).rejects.toMatchObject({ code: 'overloaded' })
  await clock.advance(100)
  await Promise.all(puts)
  expect(store.rowCount()).toBe(4096)
})

it('a full disk refuses a whole batch, stores none of it, and the store goes on', async () => {
  await open()
  const pages = database.prepare<{ page_count: number }>('pragma page_count').get()
  database.prepare(`pragma max_page_count = ${(pages?.page_count ?? 0) + 2}`).get()
  const puts = Array.from({ length: 200 }, (_, index) => store.recordBlock(put(`${index}`)))
  const outcomes = Promise.allSettled(puts)
  await clock.advance(10)
  const codes = (await outcomes).map((outcome) =>
    outcome.status === 'rejected' && isKuraError(outcome.reason) ? outcome.reason.code : 'ok',
  )
  expect(new Set(codes)).toEqual(new Set(['disk-full']))
  expect(store.refusal?.code).toBe('disk-full')
  expect(store.failure).toBeUndefined()
  expect(store.rowCount()).toBe(0)
  database.prepare('pragma max_page_count = 100000').get()
  const again = store.recordBlock(put('0'))
  await clock.advance(10)
  expect(await again).toMatchObject({ newlyStored: true, row: { position: 1 } })
  expect(store.refusal).toBeUndefined()
})

it('a row that breaks the schema is refused alone', async () => {
  await open()
  const good = store.recordBlock(put('good'))
  const bad = store.recordBlock({ ...put('bad'), plainCrc: 2 ** 32 })
  const settled = Promise.allSettled([good, bad])
  await clock.advance(10)
  const [first, second] = await settled
  expect(first.status).toBe('fulfilled')
  expect(second.status).toBe('rejected')
  expect(store.rowCount()).toBe(1)
})
