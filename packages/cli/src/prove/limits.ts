/** Limits and defaults of `kura prove`. */
import { KIB } from '@kura/core'

/** Fewer acknowledged blocks, or, where it may kill, fewer kills, prove nothing. */
export const PROOF_BLOCKS_MIN = 1_000
export const PROOF_KILLS_MIN = 5

/** Blocks of one run: what was acknowledged is kept in memory, a few bytes for each. */
export const PROOF_BLOCKS_MAX = 5_000_000
/** Two smaller blocks of one run could be the same. */
export const PROOF_BLOCK_BYTES_MIN = 32
export const PROOF_BLOCK_BYTES_MAX_DEFAULT = 64 * KIB
/** What is written stays: a zone deletes nothing yet. */
export const BLOCKS_PER_SECOND_DEFAULT = 100
export const BLOCKS_PER_SECOND_MAX = 10_000

export const WRITERS = 16
/** Readers of what was acknowledged before, while others write. */
export const AUDITORS = 2
/** Between two blocks of one: writing comes first. */
export const AUDIT_GAP_MS = 50
/** Readers of everything at the end. */
export const FINAL_READERS = 12
/** One put, with all its attempts, unless told otherwise; then its outcome is unknown. */
export const PUT_TIMEOUT_MS_DEFAULT = 15_000
/** One attempt to read a block or a copy. */
export const READ_TIMEOUT_MS = 10_000
/** Between two readings of blocks that were not whole. */
export const READ_AGAIN_MS = 500
/** After this what is not whole is reported as it is. */
export const HEAL_WAIT_MS_DEFAULT = 120_000

/** From one disturbance, its victim back, to the next. */
export const DISTURBANCE_GAP_MS = 500
export const PAUSE_MS = 1_500
/** A victim that is not back by then ends the disturbances. */
export const VICTIM_BACK_MS = 60_000
export const VICTIM_POLL_MS = 50
/** One question to the launcher or to a process. A power cut takes a fraction of a second. */
export const LAUNCHER_TIMEOUT_MS = 30_000
export const READY_TIMEOUT_MS = 2_000

/** Hashes of lost and wrong blocks that are named; further ones are only counted. */
export const HASHES_NAMED_MAX = 20
/** The same for programs. */
export const HASHES_LISTED_MAX = 1_000
/** Between two lines of progress where nobody watches. */
export const PROGRESS_LINE_MS = 2_000
export const PROGRESS_DRAW_MS = 200
