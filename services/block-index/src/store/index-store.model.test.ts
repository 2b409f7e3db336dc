/**
 * Goal: whatever is asked of the block index, in whatever order, and wherever its process ends, it
 * answers as `index-model.ts` does, and holds exactly what was committed.
 *
 * Method: random commands of fast-check on both, with real files. A crash copies the files while
 * calls still wait for their commit, and opens the copy; those calls were never answered, and must
 * not be there. After each opening all rows and the whole feed are compared.
 */
import { createHash } from 'node:crypto'
import { hashFromBytes, isKuraError, parseBucketId, parsePocketId, parseZoneId } from '@kura/core'
import type { BlockHash, BucketId } from '@kura/core'
import { initialiseDatabase, openDatabase, type KuraDatabase } from '@kura/database'
import { ManualClock, SeededRandom, surviveCrash } from '@kura/testkit'
import { RandomLives, type LifeCommand, type RandomLife } from '@kura/testkit'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { IndexModel, type ModelAnswer, type ModelPut } from '../testing/index-model.ts'
import type { RecordedBlock } from './index-store.ts'
import { databaseIdentity, databasePath, MIGRATIONS } from './schema.ts'
import { SqliteIndexStore } from './sqlite-index-store.ts'

const IDENTITY = databaseIdentity({ pocket: parsePocketId('local'), zone: parseZoneId('a') })
const T_MIN_MS = 1000
const HASHES = Array.from({ length: 12 }, (_, seed) =>
  hashFromBytes(createHash('sha256').update(String(seed)).digest()),
)
const BUCKETS = [1, 2, 3].map((id) => parseBucketId(id))

/** Timers fire when told to; wall time moves only with `tick`. */
class SteppedClock extends ManualClock {
  wallMs = 1_700_000_000_000

  override nowMs(): number {
    return this.wallMs
  }
}

class Life implements RandomLife {
  readonly clock = new SteppedClock()
  readonly model = new IndexModel(T_MIN_MS)
  #directory: string
  #database: KuraDatabase
  #store: SqliteIndexStore

  constructor(directory: string) {
    this.#directory = directory
    initialiseDatabase({
      path: databasePath(this.#directory),
      genesis: IDENTITY,
      random: new SeededRandom(1),
      migrations: MIGRATIONS,
    })
    this.#database = this.#openDatabase()
    this.#store = this.#openStore()
  }

  async gate(bucketId: BucketId): Promise<void> {
    const answer = this.#commit(() => this.#store.createGate(bucketId))
    expect(await answer).toBe(this.model.createGate(bucketId))
  }

  async fence(bucketId: BucketId): Promise<void> {
    await this.#commit(() => this.#store.fenceBucket(bucketId))
    this.model.fence(bucketId)
  }

  /** All in one batch, in this order. */
  async record(puts: readonly ModelPut[]): Promise<void> {
    const answers = puts.map((put) => this.#commit(() => this.#submit(put)))
    const expected = puts.map((put) => this.model.record(put, this.clock.nowMs()))
    for (const [index, answer] of (await Promise.all(answers)).entries()) {
      expectAnswer(answer, expected[index])
    }
  }

  async confirm({ hash, bucketId }: ModelPut): Promise<void> {
    const confirm = { hash, expectedBucketId: bucketId }
    const answer = await this.#commit(() => this.#store.confirmBlock(confirm))
    expectAnswer(answer, this.model.confirm({ hash, bucketId }, this.clock.nowMs()))
  }

  /** This version has no delete; a mark as one would leave it. */
  async markDeleted(hash: BlockHash): Promise<void> {
    const upToMs = this.clock.nowMs()
    const update = this.#database.prepare('update blocks set deleted_up_to_ms = ? where hash = ?')
    this.#database.transaction(() => update.run(upToMs, Buffer.from(hash, 'hex')))
    this.model.markDeleted(hash, upToMs)
  }

  async checkpoint(): Promise<void> {
    this.#store.checkpoint()
  }

  async reopen(): Promise<void> {
    await this.close()
    await this.#openAgain(this.#directory)
  }

  /** What waits for its commit was not answered, and is gone. */
  async crash(puts: readonly ModelPut[] = []): Promise<void> {
    const waiting = Promise.allSettled(puts.map((put) => this.#submit(put)))
    const survivor = surviveCrash(this.#directory)
    await this.close()
    await waiting
    await this.#openAgain(survivor)
  }

  async close(): Promise<void> {
    await this.#store.close()
  }

  async compare(): Promise<void> {
    for (const hash of HASHES) {
      const row = await this.#store.locateBlock(hash)
      const expected = this.model.rows.get(hash)
      if (expected === undefined) expect(row).toBeUndefined()
      else expect(row).toMatchObject({ hash, ...expected })
    }
    for (let partition = 0; partition < 16; partition += 1) {
      const feed = await this.#store.readFeed({ partition, afterPosition: 0, limit: 100 })
      const hashes = feed.map(({ hash }) => hash)
      expect(hashes).toEqual(this.model.feed(partition.toString(16)))
    }
    expect(this.#store.rowCount()).toBe(this.model.rows.size)
  }

  async #openAgain(directory: string): Promise<void> {
    this.#directory = directory
    this.#database = this.#openDatabase()
    this.#store = this.#openStore()
    await this.compare()
  }

  #openDatabase(): KuraDatabase {
    const path = databasePath(this.#directory)
    return openDatabase({ path, expected: IDENTITY, migrations: MIGRATIONS, verify: true })
  }

  #openStore(): SqliteIndexStore {
    return new SqliteIndexStore({
      database: this.#database,
      clock: this.clock,
      random: new SeededRandom(2),
      tMinMs: T_MIN_MS,
    })
  }

  #submit({ hash, bucketId, replaceBucketId }: ModelPut): Promise<RecordedBlock> {
    return this.#store.recordBlock({ hash, bucketId, replaceBucketId, sizeBytes: 9, plainCrc: 7 })
  }

  /** The answer, or the code of the refusal, once the batch has had its time. */
  async #commit<Answer>(call: () => Promise<Answer>): Promise<Answer | string> {
    const answer = call().catch((error: unknown) => {
      if (!isKuraError(error)) throw error
      return error.code
    })
    // A confirmation looks before it waits: two turns.
    await this.clock.advance(0)
    await this.clock.advance(10)
    return await answer
  }
}

function expectAnswer(answer: RecordedBlock | string, expected: ModelAnswer | undefined): void {
  if (typeof answer === 'string') expect(answer).toBe(expected)
  else expect(answer).toMatchObject(expected ?? {})
}

const lives = new RandomLives<Life>()
const command = lives.command.bind(lives)

const buckets = fc.constantFrom(...BUCKETS)
const puts = fc.record({
  hash: fc.constantFrom(...HASHES),
  bucketId: buckets,
  replaceBucketId: fc.option(buckets, { nil: undefined, freq: 2 }),
})
const batches = fc.array(puts, { minLength: 1, maxLength: 6 })

const COMMANDS: fc.Arbitrary<LifeCommand<Life>>[] = [
  buckets.map((bucketId) => command(`gate ${bucketId}`, (life) => life.gate(bucketId))),
  batches.map((batch) => command(`record ×${batch.length}`, (life) => life.record(batch))),
  batches.map((batch) => command(`record ×${batch.length}`, (life) => life.record(batch))),
  puts.map((put) => command('confirm', (life) => life.confirm(put))),
  fc.nat(T_MIN_MS).map((stepMs) =>
    command(`tick ${stepMs}`, async ({ clock }) => {
      clock.wallMs += stepMs
    }),
  ),
  puts.map(({ hash }) => command('delete', (life) => life.markDeleted(hash))),
  fc.constant(command('compare', (life) => life.compare())),
  fc.constant(command('checkpoint', (life) => life.checkpoint())),
  fc.constant(command('reopen', (life) => life.reopen())),
  batches.map((batch) => command(`crash ×${batch.length}`, (life) => life.crash(batch))),
  buckets.map((bucketId) => command(`fence ${bucketId}`, (life) => life.fence(bucketId))),
]

it('the block index answers as its model, and no crash shows', { timeout: 3_600_000 }, async () => {
  const begin = (directory: string): Life => new Life(directory)
  await lives.run({ commands: COMMANDS, commandsMax: 60, begin })
})

afterAll(() => {
  process.stdout.write(`model of the block index: ${lives.describe()}\n`)
})
