import { MIB } from '@kura/core'

/** Largest message of the control plane, either way. Block bytes do not travel here. */
export const MESSAGE_SIZE_BYTES_MAX = 16 * MIB

/** A restarted peer is tried again soon: the delay grows from the first to the second value. */
export const RECONNECT_DELAY_MS_MIN = 100
export const RECONNECT_DELAY_MS_MAX = 800

/** Calls and watches find out within both together that a silent peer is gone. */
export const KEEPALIVE_PERIOD_MS = 5_000
export const KEEPALIVE_TIMEOUT_MS = 3_000

/** Metadata keys. */
export const CALLER_KEY = 'kura-caller'
export const REQUEST_ID_KEY = 'kura-request-id'
