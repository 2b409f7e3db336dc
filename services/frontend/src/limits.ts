/** Limits of a frontend. Each bounds something that callers or sick disks could otherwise grow. */
import { CELL_BUCKETS_MAX, KIB, MIB } from '@kura/core'

/**
 * A client counts as active for so much longer after its last request than a request waits, so that
 * the share of a client does not come and go between two of its requests.
 */
export const ACTIVE_CLIENT_SLACK_MS = 1_000
/** Clients whose share is kept apart; of more, those that asked longest ago lose theirs. */
export const ACTIVE_CLIENTS_MAX = 1024
/**
 * A client whose body was too slow comes last for so long: again and again it would hold a buffer
 * for a whole window. Not for long, since a busy frontend may have been what was slow.
 */
export const SLOW_CLIENT_MS = 10_000
export const SLOW_CLIENTS_MAX = 1024
/** A volume on which a write failed gets no puts from this frontend for so long. */
export const AVOID_VOLUME_MS = 30_000
/** The same where a node only had too much to do. */
export const AVOID_BUSY_VOLUME_MS = 500
export const AVOIDED_VOLUMES_MAX = 4096
/**
 * Groups of small puts under way at once: while they are, the next one grows. With two, groups are
 * smaller, for a tenth more processor time. One that takes longer than this does not count, so that
 * a disk that hangs holds up no put of another volume.
 */
export const SMALL_PUT_GROUPS_MAX = 1
export const SMALL_PUT_GROUP_PATIENCE_MS = 100
/** Small puts in line: those that have not left hold buffers, so these are far fewer. */
export const SMALL_PUTS_WAITING_MAX = 16_384
/** From the end of the body to the last disk's acknowledgement. */
export const REPLICA_COMMIT_TIMEOUT_MS = 10_000
/** A whole exchange with a node, body and all; bounds what the other timers miss. */
export const REPLICA_WRITE_TIMEOUT_MS = 60_000
/** One copy's time to answer a read before the next one is asked. */
export const REPLICA_READ_TIMEOUT_MS = 4_000
/**
 * A disk's time to answer blocks that are read together. Beyond it each is asked for alone, from
 * whichever copy is quicker.
 */
export const READ_TOGETHER_TIMEOUT_MS = 250
/** Calls of the block index for one step of one request, and the pause before the second. */
export const INDEX_CALLS_MAX = 5
export const INDEX_RETRY_MS = 50
/**
 * Shared calls of the block index under way, of each kind. With two the index would commit more
 * often, for fewer entries: a tenth more of its processor time, and no more puts.
 */
export const INDEX_CALLS_UNDER_WAY_MAX = 1
/** Entries that wait for a shared call, of each kind; more are told `overloaded`. */
export const INDEX_WAITING_MAX = 4096
/** Calls inside the zone that run on though their callers have left; more are cancelled. */
export const LEFT_CALLS_MAX = 1024
/** Placement lookups ask a volume manager that may be dead: not for long. */
export const PLACEMENT_TIMEOUT_MS = 2_000
/** Failure reports under way; more are dropped, they are only evidence. */
export const REPORTS_IN_FLIGHT_MAX = 16
export const REPORT_TIMEOUT_MS = 2_000
/** Blocks remembered as damaged: a put of one writes it anew. */
export const DAMAGED_BLOCKS_MAX = 10_000
/** Hedged reads: at most this share of all reads, saved up to this many. */
export const HEDGE_SHARE_MAX = 0.02
export const HEDGES_SAVED_MAX = 5
/** Reads that must be known before the recent p95 means anything, and how many are kept. */
export const HEDGE_SAMPLES_MIN = 64
export const HEDGE_SAMPLES_MAX = 512
/** No hedge comes earlier than this, nor while the event loop lags more. */
export const HEDGE_DELAY_MS_MIN = 5
export const HEDGE_LOOP_DELAY_MS_MAX = 15
/** Blocks above this size have latencies of their own. */
export const SMALL_READ_BYTES_MAX = 64 * KIB
/** Disks whose latency is remembered. */
export const TRACKED_DISKS_MAX = 4096
/** Pause before a lost watch is opened again. */
export const WATCH_RETRY_MS = 500
/** A cached map of a cell with all the buckets it may have, 256 bytes for each. */
export const MAP_FILE_BYTES_MAX = 256 * CELL_BUCKETS_MAX
/** A changed map is written to disk this often at most. */
export const MAP_CACHE_WRITE_MS = 1_000
/** Running requests may end within this time after a stop signal. */
export const DRAIN_MS_MAX = 6_000
/** HTTP: one request in all, its headers alone, and a connection between two requests. */
export const HTTP_REQUEST_TIMEOUT_MS = 60_000
export const HTTP_HEADERS_TIMEOUT_MS = 5_000
export const HTTP_IDLE_TIMEOUT_MS = 15_000
export const HTTP_HEADERS_BYTES_MAX = 16 * KIB
/** Header fields of one request; what a browser sends is below 30. */
export const HTTP_HEADERS_COUNT_MAX = 100
export const HTTP_CONNECTIONS_MAX = 1024
/** In each such window a body brings its minimum until it has ended. */
export const HTTP_RATE_WINDOW_MS = 2_000
export const HTTP_RATE_WINDOW_BYTES_MIN = 256 * KIB
/** Bytes of an answer handed to the kernel at once, and its time to take them. */
export const HTTP_WRITE_STEP_BYTES = 512 * KIB
export const HTTP_WRITE_STEP_TIMEOUT_MS = 4_000
/** gRPC: connections, calls of one connection, and callers that watch the health. */
export const GRPC_CONNECTIONS_MAX = 1024
export const GRPC_STREAMS_MAX = 128
export const GRPC_WATCHES_MAX = 64
export const GRPC_WATCHES_PER_CONNECTION_MAX = 8
/** Calls, of all connections, that begin in one turn of the event loop. */
export const GRPC_STARTS_PER_TURN_MAX = 16
/** What a caller may send before anybody reads: for one call, and for its connection. */
export const GRPC_STREAM_WINDOW_BYTES = 256 * KIB
export const GRPC_CONNECTION_WINDOW_BYTES = GRPC_STREAMS_MAX * GRPC_STREAM_WINDOW_BYTES
/** What a connection that is to close still has to send may take so long. */
export const GRPC_CLOSE_MS_MAX = 1_000
/** The library refuses new calls of a connection that holds more, in MiB. */
export const GRPC_SESSION_MEMORY_MIB = 48
/**
 * Calls that a caller may cancel, at once and per second, before its connection is closed: all that
 * it may have under way, and each has cost us a stream.
 */
export const GRPC_CANCELS_AT_ONCE_MAX = 128
export const GRPC_CANCELS_PER_SECOND_MAX = 32
/** A connection with so many malformed frames is closed. */
export const GRPC_INVALID_FRAMES_MAX = 100
/** What a PutRequest may have beside its block, and the size of all other messages. */
export const GRPC_PUT_FRAMING_BYTES_MAX = 4 * KIB
export const GRPC_SMALL_MESSAGE_BYTES_MAX = 4 * KIB
/** A call whose caller sets no deadline, or a later one. */
export const GRPC_CALL_TIMEOUT_MS = 60_000
/** How often the health service finds out whether the frontend can serve. */
export const GRPC_HEALTH_PERIOD_MS = 1_000
/**
 * After a refusal the rest of a body is dropped, so that the answer is read: until it stands still
 * for so long, for so long in all, and so many bytes of it.
 */
export const HTTP_LINGER_IDLE_MS = 1_000
export const HTTP_LINGER_MS_MAX = 10_000
export const HTTP_DROPPED_BYTES_MAX = 8 * MIB
/** What an overloaded frontend asks its callers to wait. */
export const RETRY_AFTER_SECONDS = 1
