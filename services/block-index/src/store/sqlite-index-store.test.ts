/** What the contract cannot say: this engine's durability, its failures and its checkpoints. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
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
  store = new SqliteIndexStore({
    database,
    clock,
    random: new SeededRandom(1),
    tMinMs: 1000,
    events,
  })
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

it('a batch tells its size, and a log that has grown asks for a checkpoint', async () => {
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

it('a put revives a deleted row, is stamped after the delete and keeps its mark', async () => {
  await open()
  const other = parseBucketId(8)
  const { hash } = put('a')
  const prepared = Promise.all([store.createGate(other), store.recordBlock(put('a'))])
  await clock.advance(10)
  const [, first] = await prepared
  const deletedUpToMs = first.row.lastPutMs + 5_000
  const markDeleted = database.prepare('update blocks set deleted_up_to_ms = ?')
  database.transaction(() => markDeleted.run(deletedUpToMs))
  const deleted = await store.locateBlock(hash)
  expect(deleted).toMatchObject({ bucketId: BUCKET, deletedUpToMs })
  const confirm = store.confirmBlock({ hash, expectedBucketId: BUCKET })
  await expect(confirm).rejects.toMatchObject({ code: 'row-changed' })
  const revive = store.recordBlock({ ...put('a'), bucketId: other })
  await clock.advance(10)
  const revived = await revive
  expect(revived).toMatchObject({
    newlyStored: true,
    row: { bucketId: other, deletedUpToMs, lastPutMs: deletedUpToMs + 1, position: 2 },
  })
  expect(await store.locateBlock(hash)).toEqual(revived.row)
  expect(store.rowCount()).toBe(1)
})

it('a put that refreshes a row of another origin makes it one of this zone', async () => {
  await open()
  const recorded = store.recordBlock(put('a'))
  await clock.advance(10)
  await recorded
  const insertOrigin = database.prepare(
    `insert into origins values (99, 'b', 4, 'feedfeedfeedfeed')`,
  )
  const setOrigin = database.prepare('update blocks set origin_id = 99')
  database.transaction(() => [insertOrigin.run(), setOrigin.run()])
  const { hash } = put('a')
  const foreign = { zone: 'b', incarnation: { number: 4, random: 'feedfeedfeedfeed' } }
  const fresh = await store.confirmBlock({ hash, expectedBucketId: BUCKET })
  expect(fresh.row.origin).toEqual(foreign)
  await clock.advance(600)
  const refresh = store.confirmBlock({ hash, expectedBucketId: BUCKET })
  await clock.advance(0)
  await clock.advance(10)
  expect((await refresh).row.origin).toEqual({ zone: 'a', incarnation: store.incarnation })
})

/** Runs a process that puts `a`, then `b`, and dies at a mark of the commit of `b`. */
function putUntilMark(mark: 'index.commit.before' | 'index.commit.after'): void {
  const script = `
    import { subscribe } from 'node:diagnostics_channel'
    import { createHash } from 'node:crypto'
    import { openDatabase } from '@kura/database'
    import { SystemClock, SystemRandom } from '@kura/runtime'
    import { databaseIdentity, databasePath, MIGRATIONS } from './src/store/schema.ts'
    import { SqliteIndexStore } from './src/store/sqlite-index-store.ts'
    const [directory, mark] = process.argv.slice(1)
    setInterval(() => {}, 1000) // the store's own timers do not keep a process alive
    const expected = databaseIdentity({ pocket: 'local', zone: 'a' })
    const path = databasePath(directory)
    const database = openDatabase({ path, expected, migrations: MIGRATIONS })
    const [clock, random] = [new SystemClock(), new SystemRandom()]
    const store = new SqliteIndexStore({ database, clock, random, tMinMs: 1000 })
    const put = (text) => {
      const hash = createHash('sha256').update(text).digest('hex')
      return store.recordBlock({ hash, bucketId: ${BUCKET}, sizeBytes: 1, plainCrc: 1 })
    }
    await store.createGate(${BUCKET})
    await put('a')
    subscribe('kura:' + mark, () => process.kill(process.pid, 'SIGKILL'))
    await put('b')`
  const child = spawnSync(
    process.execPath,
    ['--conditions=source', '--input-type=module', '-e', script, directory.path, mark],
    { cwd: join(import.meta.dirname, '..', '..'), encoding: 'utf8', timeout: 60_000 },
  )
  expect({ signal: child.signal, stderr: child.stderr }).toEqual({ signal: 'SIGKILL', stderr: '' })
}

it('a kill before the commit leaves nothing of the batch', async () => {
  putUntilMark('index.commit.before')
  await open()
  expect(await store.locateBlock(put('a').hash)).toBeDefined()
  expect(await store.locateBlock(put('b').hash)).toBeUndefined()
  expect(store.rowCount()).toBe(1)
})

it('a kill after the commit, before anybody was told, leaves the whole batch', async () => {
  putUntilMark('index.commit.after')
  await open()
  expect(await store.locateBlock(put('b').hash)).toMatchObject({ bucketId: BUCKET })
  expect(store.rowCount()).toBe(2)
  const again = store.recordBlock(put('b'))
  await clock.advance(10)
  expect((await again).newlyStored).toBe(false)
})
