import type { BlockHash } from '@kura/core'
import type { ClientKey } from '../admission/client-key.ts'

export type Door = 'block' | 'http' | 'grpc'

/** A put as its door hands it over: who asks, for what, and how its bytes come. */
export interface PutCall {
  readonly door: Door
  /** Who asks, where callers compete for buffers. */
  readonly client: ClientKey
  readonly requestId: string
  /** Undefined: the caller wants the hash computed. */
  readonly expectedHash: BlockHash | undefined
  /** 1 … BLOCK_SIZE_BYTES_MAX; the door has refused everything else. */
  readonly sizeBytes: number
  /** Aborts with a KuraError: the caller left, its deadline passed, or the process stops. */
  readonly signal: AbortSignal
  /**
   * Reads the body into a target of exactly `sizeBytes`, once, letting a caller who waits for it
   * go on. `onPiece` sees each piece as a view of the target. Answers the CRC-32 of the whole.
   */
  readBody(
    target: Uint8Array,
    onPiece: (piece: Uint8Array) => void,
  ): Promise<{ readonly crc: number }>
}
