/** Limits of one storage node. */
import { MIB } from '@kura/core'

/** Requests that may wait for a buffer; beyond it `overloaded`. */
export const FOREGROUND_WAITERS_MAX = 64
/**
 * Time a request waits for a buffer. Short: three nodes that each hold a buffer for one put and
 * wait for another's would otherwise wait for each other until the bodies are cut for slowness.
 */
export const SLAB_WAIT_MS_MAX = 1_000
/** Buffers for completing and building extents; one record in each. */
export const RECONSTRUCTION_LARGE_SLABS = 4
export const RECONSTRUCTION_SMALL_SLABS = 4
/** Records fetched at once for completing or building: one buffer each. */
export const FETCHES_MAX = 4
/** Orders that may wait for reconstruction buffers, times the records each fetches at once. */
export const RECONSTRUCTION_WAITERS_MAX = 256
/** Buffers of the extent engine's own work: recovery, sealing, scrubbing. */
export const BACKGROUND_LARGE_SLABS = 4
export const BACKGROUND_SMALL_SLABS = 0
export const BACKGROUND_WAITERS_MAX = 64
/** Fetching one record from one copy. */
export const FETCH_TIMEOUT_MS = 10_000
/** Records in one message of ListRecords. */
export const RECORD_PAGE_MAX = 4096
/** Damages remembered; what a disk has beyond this is logged, not counted. */
export const DAMAGES_MAX = 10_000
/** Damages told in one heartbeat. */
export const DAMAGES_TOLD_MAX = 100
/** Deadline of one heartbeat. */
export const HEARTBEAT_TIMEOUT_MS = 1_000
/** Two heartbeats are at least this far apart, however often something changes. */
export const HEARTBEAT_SPACING_MS = 20
/** How often the volume managers and the free space are looked up anew. */
export const SURROUNDINGS_PERIOD_MS = 1_000
/** One step of the scrubber, so that it never holds a disk operation for long. */
export const SCRUB_STEP_BYTES_MAX = 1 * MIB
/** Pause between two looks of the scrubber at its budget. */
export const SCRUB_INTERVAL_MS = 100
/** Time requests under way may take to end when the node stops. */
export const DRAIN_MS_MAX = 5_000
