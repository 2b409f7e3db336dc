/** A candidate asks for the lock of its election this often; the delay varies up to twice this. */
export const CAMPAIGN_POLL_MS = 100
/** A leader looks this often whether its lock file is still the one that others would lock. */
export const LEADERSHIP_CHECK_MS = 1_000
/** Announcing and withdrawing wait for each other at most this long. */
export const MEMBERS_LOCK_TIMEOUT_MS = 5_000
export const MEMBERS_LOCK_POLL_MS = 5
/** A listing of members answers lookups for this long. */
export const ADDRESS_CACHE_MS = 1_000
/** A member file is a few hundred bytes; a larger one is not ours. */
export const MEMBER_FILE_BYTES_MAX = 64 * 1024
/** Damaged member files that have been reported and need not be again. */
export const REPORTED_FILES_MAX = 1_000
