/**
 * The contract of the index store, run against every engine with its real database. Another engine
 * is another line of `ENGINES`.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  hashFromBytes,
  isKuraError,
  parseBucketId,
  parsePocketId,
  parseZoneId,
  type BlockHash,
  type Clock,
} from '@kura/core'
import { initialiseDatabase, openDatabase } from '@kura/database'
import {
  ManualClock,
  SeededRandom,
  temporaryDirectory,
  type TemporaryDirectory,
} from '@kura/testkit'
import type { BlockPut, BlockRow, IndexStore } from './index-store.ts'
import { databaseIdentity, databasePath, MIGRATIONS } from './schema.ts'
import { SqliteIndexStore } from './sqlite-index-store.ts'

const T_MIN_MS = 10_000
const PLACE = { pocket: parsePocketId('local'), zone: parseZoneId('a') }

interface Engine {
  readonly name: string
  create(directory: string): void
  open(directory: string, clock: Clock): IndexStore
}

const ENGINES: readonly Engine[] = [
  {
    name: 'SQLite',
    create: (directory) => {
      initialiseDatabase({
        path: databasePath(directory),
        genesis: databaseIdentity(PLACE),
        random: new SeededRandom(1),
        migrations: MIGRATIONS,
      })
    },
    open: (directory, clock) => {
      const database = openDatabase({
        path: databasePath(directory),
        expected: databaseIdentity(PLACE),
        migrations: MIGRATIONS,
      })
      return new SqliteIndexStore({
        database,
        clock,
        random: new SeededRandom(1),
        tMinMs: T_MIN_MS,
      })
    },
  },
]

const X = parseBucketId(101)
const Y = parseBucketId(102)
const Z = parseBucketId(103)

function hashOf(text: string): BlockHash {
  return hashFromBytes(createHash('sha256').update(text).digest())
}

function putOf(text: string, overrides: Partial<BlockPut> = {}): BlockPut {
  return { hash: hashOf(text), bucketId: X, sizeBytes: 1000, plainCrc: 7, ...overrides }
}

describe.each(ENGINES)('the index store on $name', (engine) => {
  let directory: TemporaryDirectory
  let clock: ManualClock
  let store: IndexStore

  beforeEach(async () => {
    directory = await temporaryDirectory()
    clock = new ManualClock()
    engine.create(join(directory.path, 'data'))
    store = engine.open(join(directory.path, 'data'), clock)
    await settle([store.createGate(X), store.createGate(Y)])
  })
  afterEach(async () => {
    await store.close()
    await directory[Symbol.asyncDispose]()
  })

  /** Lets the batches commit; the results in order. */
  async function settle<Result>(promises: readonly Promise<Result>[]): Promise<Result[]> {
    const all = Promise.all(promises)
    all.catch(() => undefined)
    while (await isPending(all)) await clock.advance(1)
    return await all
  }

  async function one<Result>(promise: Promise<Result>): Promise<Result> {
    const [result] = await settle([promise])
    return result as Result
  }

  async function codeOf(promise: Promise<unknown>): Promise<string> {
    try {
      await one(promise)
      return 'ok'
    } catch (error) {
      return isKuraError(error) ? error.code : String(error)
    }
  }

  async function readAll(partition: number, afterPosition = 0): Promise<readonly BlockRow[]> {
    return await store.readFeed({ partition, afterPosition, limit: 1000 })
  }

  async function reopen(): Promise<void> {
    await store.close()
    store = engine.open(join(directory.path, 'data'), clock)
  }

  it('a put is found again, also after the store was opened anew', async () => {
    const { row, newlyStored } = await one(store.recordBlock(putOf('a')))
    expect(newlyStored).toBe(true)
    expect(row).toMatchObject({
      bucketId: X,
      sizeBytes: 1000,
      plainCrc: 7,
      deletedUpToMs: 0,
      position: 1,
      origin: { zone: 'a', incarnation: store.incarnation },
    })
    expect(row.lastPutMs).toBeLessThanOrEqual(clock.nowMs())
    expect(await store.locateBlock(hashOf('a'))).toEqual(row)
    await reopen()
    expect(await store.locateBlock(hashOf('a'))).toEqual(row)
    expect(await store.locateBlock(hashOf('b'))).toBeUndefined()
  })

  it('the largest size, checksum and bucket survive the way through the engine', async () => {
    const largest = parseBucketId(Number.MAX_SAFE_INTEGER)
    await one(store.createGate(largest))
    const limits = { bucketId: largest, sizeBytes: 4 * 1024 * 1024, plainCrc: 0xffffffff }
    await one(store.recordBlock(putOf('a', limits)))
    expect(await store.locateBlock(hashOf('a'))).toMatchObject(limits)
  })

  it('a put whose outcome was unknown may be run again: one row, and it stands', async () => {
    const first = await one(store.recordBlock(putOf('a')))
    const again = await one(store.recordBlock(putOf('a')))
    expect(again).toEqual({ row: first.row, newlyStored: false })
    expect(await store.count()).toMatchObject({ rowCount: 1 })
  })

  it('the loser of a race is told the row that stands', async () => {
    const [first, second] = await settle([
      store.recordBlock(putOf('a', { bucketId: X })),
      store.recordBlock(putOf('a', { bucketId: Y })),
    ])
    expect(first?.newlyStored).toBe(true)
    expect(second).toEqual({ row: first?.row, newlyStored: false })
  })

  it('a row does not join a bucket without a gate, or with a closed one', async () => {
    expect(await codeOf(store.recordBlock(putOf('a', { bucketId: Z })))).toBe('gate-closed')
    await one(store.fenceBucket(X))
    expect(await codeOf(store.recordBlock(putOf('a')))).toBe('gate-closed')
    expect(await store.locateBlock(hashOf('a'))).toBeUndefined()
    expect(await codeOf(store.recordBlock(putOf('a', { bucketId: Y })))).toBe('ok')
  })

  it('gates are created and closed idempotently, and a closed one never opens again', async () => {
    await one(store.createGate(X))
    await one(store.fenceBucket(X))
    await one(store.fenceBucket(X))
    expect(await codeOf(store.createGate(X))).toBe('gate-closed')
    await one(store.fenceBucket(Z))
    expect(await codeOf(store.createGate(Z))).toBe('gate-closed')
    await reopen()
    expect(await codeOf(store.recordBlock(putOf('a')))).toBe('gate-closed')
  })

  it('a fence lets the rows of its bucket stand and be confirmed', async () => {
    await one(store.recordBlock(putOf('a')))
    await one(store.fenceBucket(X))
    expect(await codeOf(store.confirmBlock({ hash: hashOf('a'), expectedBucketId: X }))).toBe('ok')
    const again = await one(store.recordBlock(putOf('a', { bucketId: Y })))
    expect(again).toMatchObject({ row: { bucketId: X }, newlyStored: false })
  })

  it('after a fence has been answered, no put that was under way joins the bucket', async () => {
    const hashes = Array.from({ length: 40 }, (_, index) => `block ${index}`)
    const before = hashes.slice(0, 20).map((text) => codeOf(store.recordBlock(putOf(text))))
    const fence = store.fenceBucket(X)
    const after = hashes.slice(20).map((text) => codeOf(store.recordBlock(putOf(text))))
    await settle<unknown>([...before, fence, ...after])
    expect(new Set(await Promise.all(before))).toEqual(new Set(['ok']))
    expect(new Set(await Promise.all(after))).toEqual(new Set(['gate-closed']))
    expect(await store.count()).toMatchObject({ rowCount: 20 })
  })

  it('replace-if-still moves the row only from the bucket that was lost', async () => {
    const first = await one(store.recordBlock(putOf('a')))
    const healed = await one(store.recordBlock(putOf('a', { bucketId: Y, replaceBucketId: X })))
    expect(healed).toMatchObject({ row: { bucketId: Y }, newlyStored: true })
    expect(healed.row.position).toBeGreaterThan(first.row.position)
    // The row no longer points at X: somebody has healed it already.
    await one(store.createGate(Z))
    const late = await one(store.recordBlock(putOf('a', { bucketId: Z, replaceBucketId: X })))
    expect(late).toMatchObject({ row: { bucketId: Y }, newlyStored: false })
  })

  it('replace-if-still needs an open gate, too, and leaves the row when it is shut', async () => {
    const first = await one(store.recordBlock(putOf('a')))
    await one(store.fenceBucket(Y))
    const replace = store.recordBlock(putOf('a', { bucketId: Y, replaceBucketId: X }))
    expect(await codeOf(replace)).toBe('gate-closed')
    expect(await store.locateBlock(hashOf('a'))).toEqual(first.row)
  })

  it('one hash with two sizes or checksums is an alarm, never an answer', async () => {
    const { row } = await one(store.recordBlock(putOf('a')))
    expect(await codeOf(store.recordBlock(putOf('a', { sizeBytes: 999 })))).toBe('internal')
    expect(await codeOf(store.recordBlock(putOf('a', { plainCrc: 8 })))).toBe('internal')
    const replace = putOf('a', { bucketId: Y, replaceBucketId: X, plainCrc: 8 })
    expect(await codeOf(store.recordBlock(replace))).toBe('internal')
    expect(await store.locateBlock(hashOf('a'))).toEqual(row)
  })

  it('a fresh row is confirmed as it is; an old one gets a new stamp and position', async () => {
    const first = await one(store.recordBlock(putOf('a')))
    const confirm = { hash: hashOf('a'), expectedBucketId: X }
    expect(await one(store.confirmBlock(confirm))).toEqual({ row: first.row, newlyStored: false })
    await clock.advance(T_MIN_MS / 2 + 10)
    const refreshed = await one(store.confirmBlock(confirm))
    expect(refreshed.newlyStored).toBe(false)
    expect(refreshed.row.lastPutMs).toBeGreaterThan(first.row.lastPutMs + T_MIN_MS / 2)
    expect(refreshed.row.position).toBe(first.row.position + 1)
    await reopen()
    expect(await store.locateBlock(hashOf('a'))).toEqual(refreshed.row)
  })

  it('a put that finds an old live row refreshes it like a dedupe answer', async () => {
    const first = await one(store.recordBlock(putOf('a')))
    await clock.advance(T_MIN_MS / 2 + 10)
    const again = await one(store.recordBlock(putOf('a', { bucketId: Y })))
    expect(again).toMatchObject({ row: { bucketId: X }, newlyStored: false })
    expect(again.row.lastPutMs).toBeGreaterThan(first.row.lastPutMs + T_MIN_MS / 2)
  })

  it('what is missing or lies elsewhere is not confirmed', async () => {
    const confirm = { hash: hashOf('a'), expectedBucketId: X }
    expect(await codeOf(store.confirmBlock(confirm))).toBe('row-changed')
    await one(store.recordBlock(putOf('a', { bucketId: Y })))
    expect(await codeOf(store.confirmBlock(confirm))).toBe('row-changed')
  })

  it('a refused operation leaves the others of its batch alone', async () => {
    const outcomes = await Promise.all([
      codeOf(store.recordBlock(putOf('a'))),
      codeOf(store.recordBlock(putOf('b', { bucketId: Z }))),
      codeOf(store.recordBlock(putOf('a', { sizeBytes: 5 }))),
      codeOf(store.recordBlock(putOf('c'))),
    ])
    expect(outcomes).toEqual(['ok', 'gate-closed', 'internal', 'ok'])
    const positions = (await Promise.all(range(16).map((p) => readAll(p)))).flat()
    expect(positions.map((row) => row.hash).sort()).toEqual([hashOf('a'), hashOf('c')].sort())
  })

  it('puts that arrive together share commits', async () => {
    const before = (await store.count()).commitCount
    const puts = range(600).map((index) => store.recordBlock(putOf(`block ${index}`)))
    const answers = await settle(puts)
    expect(answers.every((answer) => answer.newlyStored)).toBe(true)
    const { commitCount, rowCount } = await store.count()
    expect(rowCount).toBe(600)
    expect(commitCount - before).toBe(3)
  })

  it('nothing is found before its commit', async () => {
    const put = store.recordBlock(putOf('a'))
    expect(await store.locateBlock(hashOf('a'))).toBeUndefined()
    await one(put)
    expect(await store.locateBlock(hashOf('a'))).toBeDefined()
  })

  it('who follows the feed while puts come in misses none and ends with each row', async () => {
    const cursors = new Map(range(16).map((partition) => [partition, 0]))
    const seen = new Map<BlockHash, BlockRow>()
    const follow = async (): Promise<void> => {
      for (const [partition, cursor] of cursors) {
        const rows = await readAll(partition, cursor)
        const positions = rows.map((row) => row.position)
        expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b))
        for (const row of rows) seen.set(row.hash, row)
        cursors.set(partition, positions.at(-1) ?? cursor)
      }
    }
    for (const round of range(5)) {
      const puts = range(100).map((index) => store.recordBlock(putOf(`${round} ${index}`)))
      const old = range(20).map((index) =>
        round === 0
          ? Promise.resolve()
          : store.confirmBlock({ hash: hashOf(`${round - 1} ${index}`), expectedBucketId: X }),
      )
      await follow()
      await settle<unknown>([...puts, ...old])
      await follow()
      await clock.advance(T_MIN_MS / 2 + 10)
    }
    expect(seen.size).toBe(500)
    for (const [hash, row] of seen) expect(await store.locateBlock(hash)).toEqual(row)
  })

  it('the feed is cut at its limit and goes on after it', async () => {
    await settle(range(200).map((index) => store.recordBlock(putOf(`block ${index}`))))
    const all = await readAll(3)
    expect(all.length).toBeGreaterThan(4)
    const page = await store.readFeed({ partition: 3, afterPosition: 0, limit: 2 })
    expect(page).toEqual(all.slice(0, 2))
    expect(await readAll(3, page.at(-1)?.position)).toEqual(all.slice(2))
  })

  it('positions go on after the store was opened anew', async () => {
    const first = await one(store.recordBlock(putOf('a')))
    await reopen()
    await clock.advance(T_MIN_MS)
    const again = await one(store.confirmBlock({ hash: hashOf('a'), expectedBucketId: X }))
    expect(again.row.position).toBe(first.row.position + 1)
  })

  it('a closing store commits what was submitted and refuses what comes later', async () => {
    const put = store.recordBlock(putOf('a'))
    await store.close()
    expect(await put).toMatchObject({ newlyStored: true })
    expect(await codeOf(store.recordBlock(putOf('b')))).not.toBe('ok')
    store = engine.open(join(directory.path, 'data'), clock)
    expect(await store.locateBlock(hashOf('a'))).toBeDefined()
  })
})

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index)
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending')
  const winner = await Promise.race([
    promise.catch(() => undefined),
    new Promise((resolve) => setImmediate(() => resolve(pending))),
  ])
  return winner === pending
}
