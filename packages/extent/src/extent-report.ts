/** The shapes in which a store speaks of its extents. */
import type {
  BlockHash,
  BucketId,
  CellId,
  DiskUuid,
  ExtentId,
  OrderId,
  OsdId,
  PocketId,
  RecordRoom,
  VolumeId,
  ZoneId,
} from '@kura/core'

/** Whose disk this is: given once at genesis, checked at every start. */
export interface DiskIdentity {
  readonly formatVersion: number
  readonly pocket: PocketId
  readonly zone: ZoneId
  readonly cellId: CellId
  readonly osdId: OsdId
  readonly diskUuid: DiskUuid
  /** Whether the root was a mount point at genesis; then it has to be one at every start. */
  readonly isMountPoint: boolean
}

/** What an order says about an extent that is to be made. */
export interface ExtentSpec {
  readonly extentId: ExtentId
  readonly volumeId: VolumeId
  readonly bucketId: BucketId
  /** 16 hex digits, per bucket. */
  readonly salt: string
  readonly generation: number
  readonly epoch: number
  readonly orderId: OrderId
  /** A multiple of the page size; all of it is allocated at creation. */
  readonly capacityBytes: number
}

/** One block to append: the payload lies in `slab.payload[0..sizeBytes)`. */
export interface RecordToAppend {
  /**
   * The store holds the slab for its own I/O. Its header page, and the payload room behind the
   * block, belong to the store until the append has settled; no other append may use the slab.
   */
  readonly slab: RecordRoom
  readonly hash: BlockHash
  readonly sizeBytes: number
  /** CRC-32 (IEEE) of the payload, checked in the slab immediately before the write. */
  readonly plainCrc: number
  readonly putAtMs: number
}

export interface ExtentReport {
  readonly extentId: ExtentId
  readonly volumeId: VolumeId
  readonly bucketId: BucketId
  readonly state: 'open' | 'frozen' | 'sealed'
  /** Distinct hashes of complete, verified records. */
  readonly recordCount: number
  /** Bytes of record space used, page 0 included; the file's length once sealed. */
  readonly lengthBytes: number
  readonly capacityBytes: number
  /** The bucket digest of the records, hex; empty while open. */
  readonly digest: string
  /** Whether a closing order may add records: this process saw no crash and no hole. */
  readonly canComplete: boolean
  /** Stretches of record space, damaged or in doubt, that hold no verified record. */
  readonly holeCount: number
  /** Of page 0: 16 hex digits per bucket. */
  readonly salt: string
  /** Of page 0: of the volume when this extent was placed. */
  readonly generation: number
  readonly orderId: OrderId
}

export type ExtentPart =
  'page-0' | 'record-header' | 'payload' | 'padding' | 'record-index' | 'chunk-table' | 'footer'

/** Bytes that are not what was written. */
export interface Damage {
  readonly extentId: ExtentId
  readonly part: ExtentPart
  /** From the start of the file: the first byte of the damaged structure. */
  readonly offsetBytes: number
  /** The record that suffers, where one does. */
  readonly hash?: BlockHash
}

/** How full the disk is: each step includes the refusals of the steps before it. */
export type Fullness = 'ok' | 'warn' | 'no-new-extents' | 'no-writes'

export interface DiskSpace {
  readonly totalBytes: number
  readonly freeBytes: number
}

/** One batch of appends that became durable together; a frequent event, told on its own. */
export interface AppendBatch {
  readonly recordCount: number
  readonly sizeBytes: number
  /** Time of its one sync; the write before it is not in it. */
  readonly syncMs: number
}

/** What a store tells its owner as it happens: to log, count and report. */
export type ExtentEvent =
  | {
      readonly kind: 'damage'
      readonly damage: Damage
      readonly source: 'read' | 'scrub' | 'start'
    }
  | { readonly kind: 'suspect'; readonly reason: string }
  | { readonly kind: 'frozen'; readonly extentId: ExtentId; readonly reason: string }
  | {
      readonly kind: 'recovered'
      readonly extentId: ExtentId
      readonly recordCount: number
      readonly damageCount: number
      readonly inDoubtCount: number
    }
  /** A file that the store does not understand: it is left alone; a candidate for quarantine. */
  | { readonly kind: 'not-understood'; readonly path: string; readonly reason: string }
  | { readonly kind: 'scratch-cleared'; readonly path: string }

export interface ScrubStep {
  readonly bytesRead: number
  readonly damages: readonly Damage[]
  /** The last byte of the last extent of a pass was read; the next step starts another. */
  readonly finishedPass: boolean
}

export interface MediaVerification {
  readonly extentsRead: number
  readonly bytesRead: number
  readonly damages: readonly Damage[]
}
