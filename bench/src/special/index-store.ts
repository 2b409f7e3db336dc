/** The block index's own store on its own file, without the service around it. */
import { randomBytes } from 'node:crypto'
import {
  databaseIdentity,
  databasePath,
  MIGRATIONS,
  parseConfig,
  SqliteIndexStore,
} from '@kura/block-index'
import {
  composeId,
  hashFromBytes,
  INDEX_BATCH_ROWS_MAX,
  KIB,
  parseBucketId,
  parseCellId,
  type BlockHash,
  type PocketId,
  type ZoneId,
} from '@kura/core'
import { initialiseDatabase, openDatabase } from '@kura/database'
import { SystemClock, SystemRandom } from '@kura/runtime'

/** A batch of this many is as large as what may wait for a commit. */
const FILL_BATCH_ROWS = 16 * INDEX_BATCH_ROWS_MAX
const BATCHES_PER_CHECKPOINT = 8
const CELLS_MAX = 1023
const AWAKE_MS = 60_000
const T_MIN_MS = 24 * 60 * 60 * 1000
/** Of a cell that no zone of the bench has: nobody asks for its volumes, and nobody shuts it. */
const FILL_BUCKET = parseBucketId(
  composeId({ cellId: parseCellId(CELLS_MAX), tableIncarnation: 1, counter: 1 }),
)

export interface IndexPlace {
  /** The index's own folder, after genesis. */
  readonly folder: string
  readonly pocket: PocketId
  readonly zone: ZoneId
}

/** Genesis. Durable: the database and its directory entry. */
export function makeIndex({ folder, ...place }: IndexPlace): void {
  initialiseDatabase({
    path: databasePath(folder),
    genesis: databaseIdentity(place),
    random: new SystemRandom(),
    migrations: MIGRATIONS,
  })
}

/**
 * Opens it as the service does, but for `batchMax`, with the gate of `putOf`. Who gives `batchMax`
 * also moves the log into the file himself.
 */
export async function openIndexStore(
  { folder, ...place }: IndexPlace,
  options: { readonly batchMax?: number } = {},
): Promise<SqliteIndexStore> {
  const database = openDatabase({
    path: databasePath(folder),
    expected: databaseIdentity(place),
    migrations: MIGRATIONS,
    cacheBytes: parseConfig({}).cacheBytes,
  })
  const { batchMax } = options
  const parts = { clock: new SystemClock(), random: new SystemRandom(), tMinMs: T_MIN_MS }
  const onCheckpointDue = (): void => void setImmediate(() => store.checkpoint())
  const events = batchMax === undefined ? { onCheckpointDue } : {}
  const store = new SqliteIndexStore({ database, ...parts, batchMax, events })
  await store.createGate(FILL_BUCKET)
  return store
}

/**
 * Records as many blocks that nobody has put, as rows of small blocks in one bucket. Answers some
 * of their hashes, evenly chosen. Durable: all rows.
 */
export async function fillIndex(
  place: IndexPlace,
  options: { readonly rowCount: number; readonly sampleCount?: number },
): Promise<readonly BlockHash[]> {
  const { rowCount, sampleCount = 0 } = options
  using _awake = stayAwake()
  const store = await openIndexStore(place, { batchMax: FILL_BATCH_ROWS })
  const sampled: BlockHash[] = []
  try {
    let batches = 0
    for (let filled = 0; filled < rowCount; filled += FILL_BATCH_ROWS) {
      const hashes = Array.from({ length: Math.min(FILL_BATCH_ROWS, rowCount - filled) }, freshHash)
      await Promise.all(hashes.map(async (hash) => await store.recordBlock(putOf(hash))))
      const share = Math.ceil((sampleCount * hashes.length) / rowCount)
      sampled.push(...hashes.slice(0, share))
      batches += 1
      if (batches % BATCHES_PER_CHECKPOINT === 0) store.checkpoint()
    }
    store.checkpoint()
  } finally {
    await store.close()
  }
  return sampled
}

/** A store's timers do not keep a process alive, which in a service is what its listeners do. */
export function stayAwake(): Disposable {
  const timer = setInterval(() => undefined, AWAKE_MS)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

export function freshHash(): BlockHash {
  return hashFromBytes(randomBytes(32))
}

export function putOf(hash: BlockHash) {
  return { hash, bucketId: FILL_BUCKET, sizeBytes: 4 * KIB, plainCrc: 1 }
}
