/** Limits and defaults of the client library. Limits shared between packages are in `core`. */
import { KIB } from '@kura/core'

/** Requests in flight of one client, and the blocks it holds in memory, unless told otherwise. */
export const PARALLELISM_DEFAULT = 16
export const PARALLELISM_MAX = 256
/** Buffers beyond the requests in flight, so that reading a file and sending it overlap. */
export const READ_AHEAD_BUFFERS = 4

/** Total time of one operation on a block, retries included, unless told otherwise. */
export const OPERATION_TIMEOUT_MS = 60_000
/** Time of one attempt; the next one may go to another server. */
export const ATTEMPT_TIMEOUT_MS = 20_000
/** Time that a server is passed over after it failed, where there is another. */
export const SERVER_AVOID_MS = 2_000
export const SERVERS_MAX = 64

/** Back-off: full jitter over a window that starts here, doubles, and ends at the maximum. */
export const RETRY_DELAY_MS_MIN = 50
export const RETRY_DELAY_MS_MAX = 2_000
/**
 * The window where a server has too much to do: on average the second that it asks for. From 50 ms
 * a crowd that waits for buffers would be refused several times as often as it is served.
 */
export const BUSY_RETRY_DELAY_MS = 2_000
/** Attempts of one operation; the deadline usually ends it first. */
export const RETRY_ATTEMPTS_MAX = 1_000
/** Retry budget: what a burst may spend, what each new operation adds, what each second adds. */
export const RETRY_TOKENS_MAX = 32
export const RETRY_TOKENS_PER_OPERATION = 0.1
export const RETRY_TOKENS_PER_SECOND = 8

/** So many gets in a row that were of small blocks, and the next ones travel together. */
export const SMALL_GETS_IN_ROW_MIN = 4
/**
 * Exchanges with one frontend of small puts under way, and the same of gets: while they are, the
 * next one grows. Two take a third more processor time of all processes, for fewer blocks. One that
 * takes longer than this does not count, so that nothing waits behind it.
 */
export const SMALL_EXCHANGES_MAX = 1
export const SMALL_EXCHANGE_PATIENCE_MS = 100

/** Blocks above this size are announced first and sent only when the zone does not have them. */
export const UPLOAD_ASK_SIZE_BYTES_MIN = 64 * KIB

/** Spans in one file manifest: about 0.7 MiB of manifest for 64 GiB of file. */
export const FILE_MANIFEST_SPANS_MAX = 16_384
/** Encoded entries in one tree manifest; a larger directory gets another level. */
export const TREE_MANIFEST_BYTES_MAX = 1024 * KIB
/** Levels of manifests above the spans or entries. */
export const MANIFEST_DEPTH_MAX = 4
/** Directories within directories; path lengths end earlier on most file systems. */
export const TREE_DEPTH_MAX = 1_024
/** Directories listed at a time. */
export const DIRECTORIES_OPEN_MAX = 16
/** Entries of one directory that are started and not yet in its manifest. */
export const ENTRIES_IN_FLIGHT_MAX = 1_024
/** One path component on the file systems that Kura restores to. */
export const ENTRY_NAME_BYTES_MAX = 255
/** Problems kept by name in a result; further ones are only counted. */
export const PROBLEMS_NAMED_MAX = 1_000
/** Readings of a file that changes while it is read; the last one stands and is reported. */
export const FILE_READINGS_MAX = 2
/** Answers to an operator. */
export const OPERATOR_TIMEOUT_MS = 10_000
/** Reading a whole disk from media takes as long as it takes; a day is a stuck disk. */
export const DISK_VERIFY_TIMEOUT_MS = 24 * 60 * 60 * 1000
/** Connections to one frontend or node of somebody who reads single copies. */
export const COPY_READER_CONNECTIONS_MAX = 32
/** Where copies and nodes are is asked again after this; they move when a node or a volume ends. */
export const PLACEMENT_KEPT_MS = 1_000
export const PLACEMENTS_KEPT_MAX = 1_024
