/**
 * A sliding view of a file in one slab; what it holds is read from the disk once. Bytes that cannot
 * be read, or that the file no longer has, appear as ones, which no check takes for sound.
 */
import { assert, PAGE_SIZE_BYTES, type File, type Slab } from '@kura/core'
import { systemCode } from './disk-failure.ts'

const UNREADABLE_BYTE = 0xff

export class ScanWindow {
  readonly #file: File
  readonly #memory: Buffer
  #startBytes = 0
  #filledBytes = 0

  constructor(file: File, slab: Slab) {
    this.#file = file
    this.#memory = slab.bytes
  }

  /** A view that is valid until the next call. REQUIRES: at most one record long. */
  async read(offsetBytes: number, sizeBytes: number): Promise<Buffer> {
    assert(sizeBytes <= this.#memory.length, 'the window holds one record')
    const isInside =
      offsetBytes >= this.#startBytes &&
      offsetBytes + sizeBytes <= this.#startBytes + this.#filledBytes
    if (!isInside) await this.#load(offsetBytes, sizeBytes)
    const at = offsetBytes - this.#startBytes
    return this.#memory.subarray(at, at + sizeBytes)
  }

  async #load(offsetBytes: number, sizeBytes: number): Promise<void> {
    this.#startBytes = offsetBytes
    this.#filledBytes = 0
    try {
      this.#filledBytes = await this.#file.read(this.#memory, offsetBytes)
    } catch (error) {
      if (systemCode(error) !== 'EIO') throw error
      this.#filledBytes = await this.#loadByPage(offsetBytes)
    }
    if (this.#filledBytes >= sizeBytes) return
    this.#memory.fill(UNREADABLE_BYTE, this.#filledBytes, sizeBytes)
    this.#filledBytes = sizeBytes
  }

  /** One bad sector must not hide its neighbours. */
  async #loadByPage(offsetBytes: number): Promise<number> {
    const restBytes = (await this.#file.sizeBytes()) - offsetBytes
    const sizeBytes = Math.min(this.#memory.length, restBytes - (restBytes % PAGE_SIZE_BYTES))
    for (let at = 0; at < sizeBytes; at += PAGE_SIZE_BYTES) {
      const page = this.#memory.subarray(at, at + PAGE_SIZE_BYTES)
      try {
        await this.#file.read(page, offsetBytes + at)
      } catch (error) {
        if (systemCode(error) !== 'EIO') throw error
        page.fill(UNREADABLE_BYTE)
      }
    }
    return sizeBytes
  }
}
