/** Every durable operation of the index store, for `runWithWatchedIo`. */
import { createHash } from 'node:crypto'
import { hashFromBytes, parseBucketId, parsePocketId, parseZoneId } from '@kura/core'
import {
  copyMedium,
  initialiseDatabase,
  openDatabase,
  type KuraDatabase,
  type OpenDatabaseOptions,
} from '@kura/database'
import { checkStoreIo, describeTables, ManualClock, SeededRandom } from '@kura/testkit'
import type { BlockPut } from '../store/index-store.ts'
import { databaseIdentity, databasePath, MIGRATIONS } from '../store/schema.ts'
import { SqliteIndexStore } from '../store/sqlite-index-store.ts'

const IDENTITY = databaseIdentity({ pocket: parsePocketId('local'), zone: parseZoneId('a') })
const FIRST = parseBucketId(7)
const SECOND = parseBucketId(8)
const NOW_MS = 1_700_000_000_000

interface Opened {
  readonly clock: ManualClock
  readonly store: SqliteIndexStore
}

/** Timers fire when told to, and wall time stands: a repetition gives the same rows. */
class StandingClock extends ManualClock {
  override nowMs(): number {
    return NOW_MS
  }
}

function open(directory: string): Opened {
  const clock = new StandingClock()
  const database = openIndex(directory)
  try {
    return {
      clock,
      store: new SqliteIndexStore({ database, clock, random: new SeededRandom(2), tMinMs: 1000 }),
    }
  } catch (error) {
    database.close()
    throw error
  }
}

function openIndex(
  directory: string,
  options: Pick<OpenDatabaseOptions, 'verify' | 'medium'> = {},
): KuraDatabase {
  const path = databasePath(directory)
  return openDatabase({ path, expected: IDENTITY, migrations: MIGRATIONS, ...options })
}

/** Everything that is submitted commits in one batch. */
async function inBatch(opened: Opened, calls: readonly (() => Promise<unknown>)[]): Promise<void> {
  const outcomes = Promise.allSettled(calls.map((call) => call()))
  await opened.clock.advance(0)
  for (const outcome of await outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

function put(text: string, bucketId = FIRST): BlockPut {
  const hash = hashFromBytes(createHash('sha256').update(text).digest())
  return { hash, bucketId, sizeBytes: 100, plainCrc: 1 }
}

const counts = await checkStoreIo<Opened>({
  initialise: (directory) => {
    initialiseDatabase({
      path: databasePath(directory),
      genesis: IDENTITY,
      random: new SeededRandom(1),
      migrations: MIGRATIONS,
    })
  },
  open,
  close: async ({ store }) => {
    await store.close()
  },
  hasFailed: ({ store }) => store.failure !== undefined,
  readState: (directory) => {
    const database = openIndex(directory, { verify: true, medium: copyMedium })
    try {
      return describeTables(database)
    } finally {
      database.close()
    }
  },
  operations: [
    { name: 'the first opening', run: async () => undefined },
    {
      name: 'create two gates',
      run: (opened) =>
        inBatch(
          opened,
          [FIRST, SECOND].map((bucketId) => () => opened.store.createGate(bucketId)),
        ),
    },
    {
      name: 'record twelve blocks in one batch',
      run: (opened) =>
        inBatch(
          opened,
          Array.from({ length: 12 }, (_, index) => () => opened.store.recordBlock(put(`${index}`))),
        ),
    },
    {
      name: 'move a block to another bucket',
      run: (opened) =>
        inBatch(opened, [
          () => opened.store.recordBlock({ ...put('3', SECOND), replaceBucketId: FIRST }),
        ]),
    },
    {
      name: 'fence a bucket',
      run: (opened) => inBatch(opened, [() => opened.store.fenceBucket(FIRST)]),
    },
    {
      name: 'record and move the log into the file',
      run: async (opened) => {
        await inBatch(opened, [() => opened.store.recordBlock(put('last', SECOND))])
        opened.store.checkpoint()
      },
    },
  ],
})
process.stdout.write(JSON.stringify(counts))
