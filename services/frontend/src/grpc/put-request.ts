/**
 * A PutRequest as it arrives: its small fields are parsed, its block goes straight into the buffer
 * that the put was admitted to, so that a call holds no second copy of it. Fields may come in any
 * order, as Protocol Buffers allow.
 */
import { crc32 } from 'node:zlib'
import { createHash } from 'node:crypto'
import { BLOCK_SIZE_BYTES_MAX, hashFromBytes, KuraError, type BlockHash } from '@kura/core'
import { GRPC_PUT_FRAMING_BYTES_MAX } from '../limits.ts'
import type { MessageReader } from './message-reader.ts'

const HASH_FIELD = 1
const BLOCK_FIELD = 2
const FIELD_MAX = 2 ** 29 - 1
const HASH_BYTES = 32
const VARINT_BYTES_MAX = 10

/** Wire types of Protocol Buffers. */
const VARINT = 0
const FIXED_64 = 1
const LENGTH_DELIMITED = 2
const FIXED_32 = 5

export class PutRequestReader {
  readonly #reader: MessageReader
  #remainingBytes = 0
  #framingBytes = 0
  #hash: BlockHash | undefined

  constructor(reader: MessageReader) {
    this.#reader = reader
  }

  /**
   * Reads up to the block's first byte. The hash is undefined where it is absent or behind the
   * block. Throws `block-empty`, `block-too-large`, `invalid-hash`, `invalid-argument`.
   */
  async readHead(): Promise<{
    readonly expectedHash: BlockHash | undefined
    readonly sizeBytes: number
  }> {
    return await this.#reader.atRate(async () => {
      this.#remainingBytes = await this.#reader.readPrefix()
      if (this.#remainingBytes > BLOCK_SIZE_BYTES_MAX + GRPC_PUT_FRAMING_BYTES_MAX) {
        throw tooLarge(this.#remainingBytes)
      }
      const sizeBytes = await this.#readFields()
      if (sizeBytes === undefined || sizeBytes === 0) {
        throw new KuraError('block-empty', 'a block has at least one byte')
      }
      if (sizeBytes > BLOCK_SIZE_BYTES_MAX) throw tooLarge(sizeBytes)
      return { expectedHash: this.#hash, sizeBytes }
    })
  }

  /**
   * Reads the block into a target of its size and the rest of the message. Answers the CRC-32.
   * Throws `hash-mismatch` where a hash behind the block is not the block's.
   */
  async readBlock(
    target: Uint8Array,
    onPiece: (piece: Uint8Array) => void,
  ): Promise<{ readonly crc: number }> {
    return await this.#reader.atRate(async () => {
      let crc = 0
      await this.#reader.readInto(target, (piece) => {
        crc = crc32(piece, crc)
        onPiece(piece)
      })
      this.#remainingBytes -= target.length
      const before = this.#hash
      if ((await this.#readFields()) !== undefined) {
        throw new KuraError('invalid-argument', 'the message has two blocks')
      }
      if (this.#hash !== undefined && this.#hash !== before) checkHash(target, this.#hash)
      await this.#reader.readEnd()
      return { crc }
    })
  }

  /** Reads fields up to the block, whose size it answers, or to the message's end. */
  async #readFields(): Promise<number | undefined> {
    while (this.#remainingBytes > 0) {
      const key = await this.#readVarint()
      const field = Math.floor(key / 8)
      const wireType = key % 8
      const isBytes = wireType === LENGTH_DELIMITED
      const sizeBytes = isBytes ? await this.#readVarint() : 0
      if (sizeBytes > this.#remainingBytes) throw malformed()
      if (field === 0 || field > FIELD_MAX) throw malformed()
      if (isBytes && field === BLOCK_FIELD) return sizeBytes
      if (isBytes && field === HASH_FIELD) await this.#readHash(sizeBytes)
      else await this.#skip(wireType, sizeBytes)
    }
    return undefined
  }

  async #readHash(sizeBytes: number): Promise<void> {
    if (sizeBytes !== HASH_BYTES && sizeBytes !== 0) {
      throw new KuraError('invalid-hash', 'a block hash is 32 bytes', {
        details: { lengthBytes: sizeBytes },
      })
    }
    const bytes = await this.#read(sizeBytes)
    this.#hash = sizeBytes === 0 ? undefined : hashFromBytes(bytes)
  }

  /** A field of a newer caller. */
  async #skip(wireType: number, sizeBytes: number): Promise<void> {
    if (wireType === VARINT) await this.#readVarint()
    else if (wireType === LENGTH_DELIMITED) await this.#read(sizeBytes)
    else if (wireType === FIXED_64) await this.#read(8)
    else if (wireType === FIXED_32) await this.#read(4)
    else throw malformed()
  }

  /** Exact below 2^53, which is far above every length that is taken. */
  async #readVarint(): Promise<number> {
    let value = 0
    for (let index = 0; index < VARINT_BYTES_MAX; index += 1) {
      const byte = (await this.#read(1)).readUInt8(0)
      value += (byte & 0x7f) * 2 ** (7 * index)
      if (byte < 0x80) return value
    }
    throw malformed()
  }

  /** Bytes of the message that are not the block: few, whatever the caller says. */
  async #read(sizeBytes: number): Promise<Buffer> {
    this.#framingBytes += sizeBytes
    if (sizeBytes > this.#remainingBytes) throw malformed()
    if (this.#framingBytes > GRPC_PUT_FRAMING_BYTES_MAX) {
      throw new KuraError('invalid-argument', 'the message has too much beside its block')
    }
    this.#remainingBytes -= sizeBytes
    return await this.#reader.readExactly(sizeBytes)
  }
}

/** A hash behind the block came too late for the put to know it. */
function checkHash(block: Uint8Array, given: BlockHash): void {
  const computed = createHash('sha256').update(block).digest('hex')
  if (computed === given) return
  throw new KuraError('hash-mismatch', 'the bytes do not have the given hash', {
    details: { given, computed },
  })
}

function malformed(): KuraError {
  return new KuraError('invalid-argument', 'the message is malformed')
}

function tooLarge(sizeBytes: number): KuraError {
  return new KuraError('block-too-large', 'a block has at most 4 MiB', { details: { sizeBytes } })
}
