/** Limits of the block transport. Each bounds something that a peer could otherwise make grow. */
import { KIB } from '@kura/core'

/** The version this side speaks; a peer with another one is refused in the handshake. */
export const PROTOCOL_VERSION = 1
/** A request or response message. Real ones are below 500 bytes. */
export const MESSAGE_SIZE_BYTES_MAX = 16 * KIB
/** Connections that one client keeps to one address, unless it is told otherwise. */
export const CONNECTIONS_PER_ADDRESS_MAX = 16
/** Addresses that a client remembers before it forgets those without a connection. */
export const POOLS_KEPT_MIN = 64
/** Exchanges that wait for a connection to one address; beyond it `overloaded`. */
export const WAITERS_PER_ADDRESS_MAX = 256
/** Connections that one server accepts; the kernel's answer to more is a reset. */
export const SERVER_CONNECTIONS_MAX = 1024
/** Time to connect, and then to finish the handshake. */
export const CONNECT_TIMEOUT_MS = 2_000
export const HELLO_TIMEOUT_MS = 5_000
/** Time between the first 20 bytes of a frame and the end of its message. */
export const MESSAGE_TIMEOUT_MS = 5_000
/** A client closes a connection that nobody used for this long; the server waits longer. */
export const CLIENT_IDLE_TIMEOUT_MS = 30_000
export const SERVER_IDLE_TIMEOUT_MS = 90_000
/** A payload that has not ended brings at least `RATE_WINDOW_BYTES_MIN` in each such window. */
export const RATE_WINDOW_MS = 2_000
/**
 * The same for peers inside the zone, who may be passing on what a client sends them: long enough
 * to hold a whole window of that client, however the two lie.
 */
export const PASSED_ON_RATE_WINDOW_MS = 6_000
export const RATE_WINDOW_BYTES_MIN = 256 * KIB
/** Bytes given to the kernel in one step, and the time it may take to accept them. */
export const WRITE_STEP_BYTES = 512 * KIB
export const WRITE_STEP_TIMEOUT_MS = 4_000
/**
 * A block up to this size leaves in one write, between its request and its trailer, and may travel
 * with others: a write to a socket, and the reading that it wakes, cost more than the bytes.
 */
export const SMALL_BLOCK_BYTES_MAX = 64 * KIB
/**
 * Blocks of one exchange that takes several, and their bytes in all. The messages stay below
 * `MESSAGE_SIZE_BYTES_MAX`, whatever requests and zones are called and whatever is refused, and
 * blocks and records fit into one buffer of the receiver together.
 */
export const BLOCKS_PER_EXCHANGE_MAX = 32
export const EXCHANGE_BLOCKS_BYTES_MAX = 1024 * KIB
/** Of the request id of each of them, and of the message of a refusal: UTF-16 units that travel. */
export const ENTRY_REQUEST_ID_LENGTH_MAX = 64
export const RECORD_REFUSAL_LENGTH_MAX = 100
/** Unsent bytes of an outgoing block above which `write` asks its caller to wait. */
export const WRITE_QUEUE_BYTES_MAX = 1024 * KIB
/** Time an exchange may take when its header does not say, and the most it may ask for. */
export const EXCHANGE_TIMEOUT_MS = 30_000
export const EXCHANGE_TIMEOUT_MS_MAX = 300_000
/** After a refusal, time for the peer to read it before the connection is cut. */
export const LINGER_MS = 1_000
