/**
 * Every hard limit that more than one package must agree on, with its unit in the name. Limits of
 * one package alone live beside the code they bound, named the same way.
 */
export const KIB = 1024
export const MIB = 1024 * KIB
export const GIB = 1024 * MIB

/** A block: 0 < size ≤ 4 MiB. */
export const BLOCK_SIZE_BYTES_MAX = 4 * MIB
/** Everything on disk is a multiple of this, so that writes can be direct I/O. */
export const PAGE_SIZE_BYTES = 4 * KIB
/** Payloads up to this live inside the record's header page. */
export const INLINE_PAYLOAD_BYTES_MAX = 3840
/** Copies of a replicated volume. */
export const REPLICA_COUNT = 3
/** Attempts of one put on different volumes. */
export const PUT_ATTEMPTS_MAX = 3
/** Partitions of the change feed: the first four bits of the hash. */
export const FEED_PARTITION_COUNT = 16
/** Puts in one commit of the block index, and entries of one call of it. */
export const INDEX_BATCH_ROWS_MAX = 256
/** Buckets of one cell (V8's Map stops at 2^24; the cell map is typed arrays anyway). */
export const CELL_BUCKETS_MAX = 4 * 1024 * 1024
/** Disks that the volumes of one cell have ever named; the cell map numbers them in 16 bits. */
export const CELL_DISKS_MAX = 64 * 1024
/** Default deadline of a control call between processes. */
export const RPC_TIMEOUT_MS = 5_000
/** Every service drains and exits within this time after a stop signal. */
export const SHUTDOWN_TIMEOUT_MS = 8_000
