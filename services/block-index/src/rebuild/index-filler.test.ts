import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  parseBlockHash,
  parseBucketId,
  parsePocketId,
  parseZoneId,
  type RecordSummary,
} from '@kura/core'
import { initialiseDatabase, openDatabase, type KuraDatabase } from '@kura/database'
import { SystemClock } from '@kura/runtime'
import { SeededRandom } from '@kura/testkit'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { databaseIdentity, MIGRATIONS } from '../store/schema.ts'
import { SqliteIndexStore } from '../store/sqlite-index-store.ts'
import { IndexFiller } from './index-filler.ts'

const random = new SeededRandom(1)
const genesis = databaseIdentity({ pocket: parsePocketId('test'), zone: parseZoneId('a') })
const first = parseBucketId(1)
const second = parseBucketId(2)
const third = parseBucketId(3)

let directory: string
let database: KuraDatabase
const opened: KuraDatabase[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kura-filler-'))
  database = openNew('new')
})

afterEach(() => {
  for (const each of opened.splice(0)) each.close()
  rmSync(directory, { recursive: true, force: true })
})

function openNew(name: string): KuraDatabase {
  const path = join(directory, name)
  initialiseDatabase({ path, genesis, random, migrations: MIGRATIONS })
  const made = openDatabase({ path, expected: genesis, migrations: MIGRATIONS })
  opened.push(made)
  return made
}

function storeOf(of: KuraDatabase): SqliteIndexStore {
  return new SqliteIndexStore({ database: of, clock: new SystemClock(), random, tMinMs: 1_000 })
}

function record(digit: string, putAtMs: number, plainCrc = 1): RecordSummary {
  return { hash: parseBlockHash(digit.repeat(64)), sizeBytes: 10, plainCrc, putAtMs }
}

function fill(): IndexFiller {
  return new IndexFiller(database)
}

it('every record gets a live row with its own time, under a gate that is open', async () => {
  const filler = fill()
  filler.addGates([first])
  filler.addBucket({ bucketId: first, copies: 3, records: [record('a', 5.7), record('b', 0)] })
  const store = storeOf(database)
  const row = await store.locateBlock(record('a', 0).hash)
  expect(row).toMatchObject({ bucketId: 1, sizeBytes: 10, plainCrc: 1, lastPutMs: 5, position: 1 })
  expect(row?.origin.incarnation).toEqual(database.genesis.incarnation)
  expect((await store.locateBlock(record('b', 0).hash))?.lastPutMs).toBe(1)
  expect(store.rowCount()).toBe(2)
  const put = { ...record('c', 0), bucketId: first }
  expect(await store.recordBlock(put)).toMatchObject({ newlyStored: true })
  await expect(store.recordBlock({ ...record('d', 0), bucketId: second })).rejects.toMatchObject({
    code: 'gate-closed',
  })
})

it('a block in several buckets points at the one with most copies, with the latest time', () => {
  const filler = fill()
  filler.addBucket({ bucketId: first, copies: 2, records: [record('a', 9)] })
  filler.addBucket({ bucketId: second, copies: 3, records: [record('a', 4)] })
  filler.addBucket({ bucketId: third, copies: 1, records: [record('a', 7)] })
  expect(filler.duplicateCount).toBe(2)
  expect(filler.rowCount()).toBe(1)
  return expect(storeOf(database).locateBlock(record('a', 0).hash)).resolves.toMatchObject({
    bucketId: second,
    lastPutMs: 9,
  })
})

it('records of one hash that disagree are named, and the first stands', () => {
  const filler = fill()
  filler.addBucket({ bucketId: first, copies: 3, records: [record('a', 1)] })
  filler.addBucket({ bucketId: second, copies: 3, records: [record('a', 1, 2)] })
  expect(filler.conflicts).toEqual({ count: 1, hashes: [record('a', 0).hash] })
})

it('a backup adds what only it knows, and loses against the extents', async () => {
  const older = openNew('older')
  const before = storeOf(older)
  for (const bucketId of [first, second, third]) await before.createGate(bucketId)
  await before.recordBlock({ ...record('a', 0), bucketId: second })
  await before.recordBlock({ ...record('f', 0), bucketId: third })
  await before.fenceBucket(first)
  const backedUp = await before.locateBlock(record('a', 0).hash)

  const filler = fill()
  filler.addGates([first])
  filler.addBucket({ bucketId: first, copies: 3, records: [record('a', 3), record('b', 3)] })
  filler.addBackup(older)
  expect(filler.repointedCount).toBe(1)
  expect(filler.rowsWithoutRecord).toEqual({ count: 1, hashes: [record('f', 0).hash] })
  expect(filler.rowCount()).toBe(3)
  const store = storeOf(database)
  const row = await store.locateBlock(record('a', 0).hash)
  expect(row).toMatchObject({ bucketId: first, origin: backedUp?.origin })
  expect(row?.lastPutMs).toBe(Math.max(3, backedUp?.lastPutMs ?? 0))
  // Not denied: only its record is missing.
  expect(await store.locateBlock(record('f', 0).hash)).toMatchObject({ bucketId: third })
  await expect(store.recordBlock({ ...record('e', 0), bucketId: first })).rejects.toMatchObject({
    code: 'gate-closed',
  })
})
