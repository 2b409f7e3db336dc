/**
 * Block-sized buffers for reading and writing files, made when first needed and then reused:
 * fresh memory costs more than the copy into it. Their number bounds the memory of a client.
 */
import { BLOCK_SIZE_BYTES_MAX } from '@kura/core'
import { Slots } from './slots.ts'

export class BufferPool {
  readonly #slots: Slots
  readonly #idle: Buffer[] = []

  constructor(count: number) {
    this.#slots = new Slots(count)
  }

  /** A buffer of `BLOCK_SIZE_BYTES_MAX`; waits while all are out. */
  async take(signal?: AbortSignal): Promise<Buffer> {
    await this.#slots.acquire(signal)
    return this.#idle.pop() ?? Buffer.allocUnsafeSlow(BLOCK_SIZE_BYTES_MAX)
  }

  /** REQUIRES: no I/O touches the buffer any more. */
  giveBack(buffer: Buffer): void {
    this.#idle.push(buffer)
    this.#slots.release()
  }
}
