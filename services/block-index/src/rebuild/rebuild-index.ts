/**
 * Makes a lost index anew from the extents alone, or a restored backup right by them. Storage nodes
 * and volume managers run, the index does not: the records of a zone lie on many machines, and only
 * the nodes may read a disk that is in use.
 *
 * Rows are made of closed volumes only: what their copies hold is settled and on every one of them,
 * so that no row, and no dedupe answer resting on it, ever names a record that one disk alone has.
 * Open volumes are closed first; without an index none opens in their place.
 */
import {
  KuraError,
  REPLICA_COUNT,
  type BucketId,
  type Clock,
  type Coordinator,
  type Incarnation,
  type Random,
} from '@kura/core'
import { DatabaseReplacement, readBackup } from '@kura/database'
import { grpcNetwork, type RpcNetwork } from '@kura/rpc'
import type { BlockIndexConfig } from '../config.ts'
import { databaseIdentity, databasePath, MIGRATIONS } from '../store/schema.ts'
import { readCell, settleCell, type CellContents, type SettledVolume } from './cell-contents.ts'
import { IndexFiller, type Noted } from './index-filler.ts'
import { readVolume } from './read-volume.ts'
import { ZonePeers } from './zone-peers.ts'

/** Volumes listed at one time. */
const VOLUMES_AT_ONCE = 3
/** Between two lines of progress. */
const TELL_INTERVAL_MS = 2_000

export interface RebuildIndexOptions {
  readonly config: BlockIndexConfig
  readonly coordinator: Coordinator
  readonly clock: Clock
  readonly random: Random
  /** Default: gRPC. */
  readonly rpc?: RpcNetwork | undefined
  readonly signal: AbortSignal
  /** Takes lines of progress. */
  readonly tell: (line: string) => void
  /** False: only look. */
  readonly apply: boolean
  /** Go on although some volumes cannot be read: their blocks will be unknown until another run. */
  readonly leaveOutUnreadable: boolean
  /** Folder of a backup whose rows are kept. */
  readonly from?: string | undefined
}

/** What was done, or would be. */
export interface RebuildIndexReceipt {
  readonly applied: boolean
  readonly incarnation: Incarnation | { readonly number: number }
  readonly cells: number
  readonly closedVolumes: number
  readonly recordCount: number
  /** Buckets whose volume did not close. */
  readonly unsettledBuckets: readonly BucketId[]
  readonly underReplicatedVolumes: number
  /** The rest only where it was applied. */
  readonly rowCount?: number
  readonly duplicateRecords?: number
  readonly conflicts?: Noted
  readonly repointedRows?: number
  readonly rowsWithoutRecord?: Noted
  /** Buckets of which no copy has all that the table's digest says. */
  readonly partialBuckets?: readonly BucketId[]
  readonly unreadableBuckets?: readonly BucketId[]
  /** Where the replaced database is kept. */
  readonly replacedFolder?: string | undefined
}

/**
 * Throws `locked` while the index runs, `unavailable` where a cell or a volume cannot be read and
 * is not to be left out; then everything is as it was. Durable, where applied: the new index.
 */
export async function rebuildIndex(options: RebuildIndexOptions): Promise<RebuildIndexReceipt> {
  const { config, coordinator, clock, random, rpc = grpcNetwork, signal, from } = options
  const expected = databaseIdentity(config)
  const path = databasePath(config.dataDir)
  using replacement = DatabaseReplacement.begin({ path, expected, migrations: MIGRATIONS, random })
  const { pocket, zone } = config
  using peers = new ZonePeers({ pocket, zone, coordinator, clock, rpc, signal })
  await peers.refuseRunningIndex()
  const backup = from === undefined ? undefined : await readBackup(from, expected)
  const cells = await readCells(peers, options)
  const incarnationNumber = nextNumber([
    replacement.inPlace?.incarnation.number ?? 0,
    backup?.manifest.incarnation.number ?? 0,
    ...cells.map(({ highestIncarnation }) => highestIncarnation),
  ])
  const found = describeCells(cells)
  if (!options.apply) {
    return { applied: false, incarnation: { number: incarnationNumber }, ...found }
  }
  const database = replacement.create({ incarnationNumber })
  const filler = new IndexFiller(database)
  const filled = await fill(filler, { cells, peers, options })
  refuseUnreadable([...found.unsettledBuckets, ...filled.unreadableBuckets], options)
  if (backup !== undefined) {
    using source = replacement.openCopy(backup.databasePath)
    options.tell('adding what the backup knows')
    filler.addBackup(source.database)
  }
  const { incarnation } = database.genesis
  const receipt = { applied: true, incarnation, ...found, ...filled, ...describeRows(filler) }
  const replacedFolder = replacement.publish()
  await signTrust(peers, { cells, incarnation, receipt, tell: options.tell })
  return { ...receipt, replacedFolder }
}

async function readCells(
  peers: ZonePeers,
  options: RebuildIndexOptions,
): Promise<readonly CellContents[]> {
  const cellIds = await peers.cellIds()
  if (cellIds.length === 0) {
    throw new KuraError('unavailable', 'no cell of this zone is known to coordination', {
      hint: 'check the setting COORDINATION_DIR, and start the other services of the zone',
    })
  }
  const cells: CellContents[] = []
  for (const cellId of cellIds) {
    if (options.apply) {
      await readCell(peers, cellId)
      const tell = throttle(options)
      await settleCell(peers, cellId, (left) => tell(`cell ${cellId}: ${left} volumes closing`))
    }
    cells.push(await readCell(peers, cellId))
  }
  return cells
}

async function fill(
  filler: IndexFiller,
  work: {
    readonly cells: readonly CellContents[]
    readonly peers: ZonePeers
    readonly options: RebuildIndexOptions
  },
): Promise<{
  readonly partialBuckets: readonly BucketId[]
  readonly unreadableBuckets: readonly BucketId[]
}> {
  const { cells, peers, options } = work
  const volumes = cells.flatMap(({ closed }) => closed)
  filler.addGates([
    ...volumes.map(({ bucketId }) => bucketId),
    ...cells.flatMap(({ unsettled }) => unsettled),
  ])
  const partialBuckets: BucketId[] = []
  const unreadableBuckets: BucketId[] = []
  const tell = throttle(options)
  let done = 0
  const readOne = async (volume: SettledVolume): Promise<void> => {
    const { bucketId, copies } = volume
    const { outcome, records } = await readVolume(peers, options.config.pocket, volume)
    if (outcome === 'partial') partialBuckets.push(bucketId)
    if (outcome === 'unreadable') unreadableBuckets.push(bucketId)
    else filler.addBucket({ bucketId, copies: copies.length, records })
    done += 1
    tell(`${done} of ${volumes.length} volumes read, ${filler.rowCount()} rows`)
  }
  const waiting = volumes[Symbol.iterator]()
  const lane = async (): Promise<void> => {
    for (const volume of waiting) await readOne(volume)
  }
  await Promise.all(Array.from({ length: VOLUMES_AT_ONCE }, lane))
  return { partialBuckets, unreadableBuckets }
}

/** A missing row makes the index deny a block that is stored: never without being told to. */
function refuseUnreadable(buckets: readonly BucketId[], options: RebuildIndexOptions): void {
  if (buckets.length === 0 || options.leaveOutUnreadable) return
  throw new KuraError('unavailable', `${buckets.length} volumes cannot be read now`, {
    details: { bucketIds: buckets.slice(0, 10).join(' ') },
    hint: 'start their storage nodes; --leave-out-unreadable goes on, and denies their blocks',
  })
}

/** The operator who applied this answers for it; a rebuild with gaps is not answered for. */
async function signTrust(
  peers: ZonePeers,
  signed: {
    readonly cells: readonly CellContents[]
    readonly incarnation: Incarnation
    readonly receipt: RebuildIndexReceipt
    readonly tell: (line: string) => void
  },
): Promise<void> {
  const { receipt, incarnation, tell } = signed
  const gaps = receipt.unsettledBuckets.length + (receipt.unreadableBuckets?.length ?? 0)
  if (gaps > 0) return tell('not signed: the volume managers will hold whatever deletes')
  for (const { cellId } of signed.cells) {
    const manager = peers.volumeManager(cellId)
    const sign = () => manager.trustIndex({ incarnation }, { signal: peers.signal })
    await peers.patiently(sign).catch(() => {
      tell(`cell ${cellId} has not been told; it will hold whatever deletes`)
    })
  }
}

function describeCells(cells: readonly CellContents[]) {
  const volumes = cells.flatMap(({ closed }) => closed)
  return {
    cells: cells.length,
    closedVolumes: volumes.length,
    recordCount: volumes.reduce((sum, { recordCount }) => sum + recordCount, 0),
    unsettledBuckets: cells.flatMap(({ unsettled }) => unsettled),
    underReplicatedVolumes: volumes.filter(({ copies }) => copies.length < REPLICA_COUNT).length,
  }
}

function describeRows(filler: IndexFiller) {
  return {
    rowCount: filler.rowCount(),
    duplicateRecords: filler.duplicateCount,
    conflicts: filler.conflicts,
    repointedRows: filler.repointedCount,
    rowsWithoutRecord: filler.rowsWithoutRecord,
  }
}

/** Above every incarnation that anything left behind was made under. */
function nextNumber(known: readonly number[]): number {
  return Math.max(...known) + 1
}

function throttle({ clock, tell }: RebuildIndexOptions): (line: string) => void {
  let toldAtMs = -Infinity
  return (line) => {
    if (clock.monotonicMs() - toldAtMs < TELL_INTERVAL_MS) return
    toldAtMs = clock.monotonicMs()
    tell(line)
  }
}
