/** One put under way: what its steps have found out so far, and the buffer it holds. */
import { createHash } from 'node:crypto'
import {
  assert,
  hashToBytes,
  isKuraError,
  KuraError,
  parseBlockHash,
  type BlockHash,
  type BucketId,
  type Slab,
  type VolumeId,
} from '@kura/core'
import type { FrontendContext } from '../frontend-context.ts'
import type { PutCall } from './put-call.ts'

export interface ReceivedBlock {
  readonly hash: BlockHash
  readonly hashBytes: Uint8Array
  readonly crc: number
}

export class Put {
  readonly frontend: FrontendContext
  readonly call: PutCall
  /** The block's place in the slab. */
  readonly bytes: Uint8Array
  /** Volumes that were tried and refused. */
  readonly triedVolumes = new Set<VolumeId>()
  /** The block index's time, for the record; set by `findExisting`. */
  putAtMs = 0
  /** A bucket whose copy of this block is not to be trusted: the row moves away from it. */
  replaceBucketId: BucketId | undefined
  readonly #slab: Slab
  #received: ReceivedBlock | undefined

  constructor(options: {
    readonly frontend: FrontendContext
    readonly call: PutCall
    readonly slab: Slab
    /** Where the block lies in the slab; its start by default. */
    readonly offsetBytes?: number
  }) {
    this.frontend = options.frontend
    this.call = options.call
    this.#slab = options.slab
    const { slab, call, offsetBytes = 0 } = options
    this.bytes = slab.payload.subarray(offsetBytes, offsetBytes + call.sizeBytes)
  }

  /** Undefined until the whole body has come and has the hash it should have. */
  get received(): ReceivedBlock | undefined {
    return this.#received
  }

  /** Known from the start, or once the body has come. */
  get knownHash(): BlockHash | undefined {
    return this.#received?.hash ?? this.call.expectedHash
  }

  /** REQUIRES: the hash is known. */
  get hash(): BlockHash {
    const hash = this.knownHash
    assert(hash !== undefined, 'the hash is known at this step')
    return hash
  }

  /**
   * Reads the body, hashing on the way; `onPiece` passes each piece on. Throws `hash-mismatch`, and
   * what the door throws for a body that does not come whole.
   */
  async receive(onPiece: (piece: Uint8Array) => void): Promise<ReceivedBlock> {
    assert(this.#received === undefined, 'a body is received once')
    const sha256 = createHash('sha256')
    const { crc } = await this.#readBody((piece) => {
      onPiece(piece)
      sha256.update(piece)
    })
    const hash = parseBlockHash(sha256.digest('hex'))
    this.frontend.metrics.receivedBytes.of(this.call).inc(this.bytes.length)
    const { expectedHash } = this.call
    if (expectedHash !== undefined && expectedHash !== hash) {
      throw new KuraError('hash-mismatch', 'the bytes do not have the given hash', {
        details: { given: expectedHash, computed: hash },
      })
    }
    this.#received = { hash, hashBytes: hashToBytes(hash), crc }
    return this.#received
  }

  async #readBody(onPiece: (piece: Uint8Array) => void): Promise<{ readonly crc: number }> {
    const { frontend, call } = this
    try {
      return await call.readBody(this.bytes, onPiece)
    } catch (error) {
      if (isKuraError(error, 'body-too-slow')) frontend.admission.noteSlow(call.client)
      throw error
    }
  }

  /** Keeps the buffer until `io` has settled, whatever becomes of the put meanwhile. */
  holdUntil(io: Promise<void>): void {
    this.#slab.retain()
    void io.finally(() => this.#slab.release())
  }

  /** The put is over; its buffer is free once no I/O uses it. */
  [Symbol.dispose](): void {
    this.#slab.release()
  }
}
