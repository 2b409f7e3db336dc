export { assert, assertNever, AssertionError } from './assert.ts'
export { BatchLine } from './batch-line.ts'
export type { BatchLineOptions } from './batch-line.ts'
export type { Clock } from './clock.ts'
export type { Announcement, Coordinator, Leadership, Member, MemberKind } from './coordinator.ts'
export type { Disk, DiskLock, File, FileStat } from './disk.ts'
export { ERROR_CODES, isErrorCode, isKuraError, KuraError, toKuraError } from './errors.ts'
export type { ErrorCode, KuraErrorOptions } from './errors.ts'
export {
  cellOfBucket,
  composeId,
  hashFromBytes,
  hashToBytes,
  parseBlockHash,
  parseBucketId,
  parseCellId,
  parseDiskUuid,
  parseExtentId,
  parseOrderId,
  parseOsdId,
  parsePocketId,
  parseVolumeId,
  parseZoneId,
  splitId,
} from './ids.ts'
export type {
  BlockHash,
  BucketId,
  CellId,
  DiskUuid,
  ExtentId,
  OrderId,
  OsdId,
  PocketId,
  VolumeId,
  ZoneId,
} from './ids.ts'
export {
  BLOCK_SIZE_BYTES_MAX,
  CELL_BUCKETS_MAX,
  CELL_DISKS_MAX,
  FEED_PARTITION_COUNT,
  GIB,
  INDEX_BATCH_ROWS_MAX,
  INLINE_PAYLOAD_BYTES_MAX,
  KIB,
  MIB,
  PAGE_SIZE_BYTES,
  PUT_ATTEMPTS_MAX,
  REPLICA_COUNT,
  RPC_TIMEOUT_MS,
  SHUTDOWN_TIMEOUT_MS,
} from './limits.ts'
export { mark, MARKS } from './marks.ts'
export type { Mark } from './marks.ts'
export { parseBlockSize, parseCount, parseTimeMs } from './parse-number.ts'
export { randomInteger, randomUuid } from './random.ts'
export type { Random } from './random.ts'
export { computeBucketDigest, parseRecordSummary } from './record.ts'
export type { RecordSummary } from './record.ts'
export { Slab, SlabPool, SMALL_SLAB_PAYLOAD_BYTES } from './slab-pool.ts'
export type { RecordRoom, SlabPoolOptions } from './slab-pool.ts'
export { untilLeft } from './until-left.ts'
export { DISK_STATES, isDiskTrusted, VOLUME_STATES } from './volume.ts'
export type {
  DiskInfo,
  DiskState,
  ExtentPlacement,
  ExtentState,
  FailureDomains,
  Incarnation,
  Volume,
  VolumeState,
} from './volume.ts'
export { yieldToLoop } from './yield-to-loop.ts'
