import type {
  BlockHash,
  Clock,
  Disk,
  ExtentId,
  Random,
  RecordSummary,
  Slab,
  SlabPool,
} from '@kura/core'
import type {
  DiskIdentity,
  DiskSpace,
  ExtentEvent,
  ExtentReport,
  ExtentSpec,
  Fullness,
  MediaVerification,
  RecordToAppend,
  ScrubStep,
} from './extent-report.ts'

export interface ExtentStoreSettings {
  /** Used per cent of the disk from which `fullness` says so. */
  readonly warnPercent?: number
  readonly noNewExtentsPercent?: number
  readonly noWritesPercent?: number
  /** Room kept in each extent for what closing adds; default: 8 full records, at most 1/8 of it. */
  readonly closingSlackBytes?: number
  /** Record indexes of sealed extents kept in memory. */
  readonly indexCacheBytesMax?: number
}

export interface ExtentStoreOptions {
  readonly disk: Disk
  readonly expected: Pick<DiskIdentity, 'pocket' | 'zone' | 'cellId' | 'osdId'>
  readonly clock: Clock
  readonly random: Random
  /** The background share: recovery, sealing, scrubbing. Each operation takes one slab at a time. */
  readonly slabs: SlabPool
  readonly settings?: ExtentStoreSettings
  readonly onEvent?: (event: ExtentEvent) => void
}

export declare class Scrubber {
  step(maxBytes: number): Promise<ScrubStep>
}

export declare class ScratchExtent {
  append(record: RecordToAppend): Promise<void>
  publish(expectedDigest: string): Promise<ExtentReport>
  discard(): Promise<void>
}

export declare class ExtentStore {
  static open(options: ExtentStoreOptions): Promise<ExtentStore>
  readonly identity: DiskIdentity
  get epoch(): number
  get suspect(): boolean
  raiseEpoch(epoch: number): Promise<void>
  checkEpoch(epoch: number): Promise<void>
  createExtent(spec: ExtentSpec): Promise<void>
  append(extentId: ExtentId, record: RecordToAppend): Promise<{ readonly offsetBytes: number }>
  locate(
    extentId: ExtentId,
    hash: BlockHash,
  ): Promise<RecordSummary & { readonly offsetBytes: number }>
  read(extentId: ExtentId, hash: BlockHash, slab: Slab): Promise<RecordSummary>
  freeze(extentId: ExtentId): Promise<ExtentReport>
  listRecords(extentId: ExtentId): Promise<readonly RecordSummary[]>
  completeAppend(extentId: ExtentId, record: RecordToAppend): Promise<void>
  seal(extentId: ExtentId, expectedDigest: string): Promise<ExtentReport>
  beginBuild(spec: ExtentSpec): Promise<ScratchExtent>
  report(extentId: ExtentId): ExtentReport
  reports(): readonly ExtentReport[]
  fullness(): Fullness
  space(): Promise<DiskSpace>
  scrubber(): Scrubber
  verifyFromMedia(): Promise<MediaVerification>
  probe(): Promise<number>
  close(): Promise<void>
}
