/** Fields of a page: every number little-endian, u64 below 2^53, reserved bytes zero. */
import { crc32 } from 'node:zlib'
import { PAGE_BYTES, formatInvalid } from './format.ts'

export function readU64(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at)
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value)
  throw formatInvalid(`the number at ${at} is above 2^53`)
}

export function readMagic(bytes: Buffer): string {
  return bytes.toString('latin1', 0, 8)
}

/** ASCII padded with zeros; at least one zero ends it. */
export function readName(bytes: Buffer, at: number): string {
  const field = bytes.subarray(at, at + 64)
  const end = field.indexOf(0)
  if (end <= 0) throw formatInvalid(`the name at ${at} is empty or does not end`)
  requireZeros(bytes, at + end, at + 64)
  const text = field.toString('latin1', 0, end)
  if (/^[\x21-\x7e]+$/.test(text)) return text
  throw formatInvalid(`the name at ${at} is not ASCII`)
}

export function requireZeros(bytes: Buffer, from: number, to: number): void {
  const at = firstNonZero(bytes, from, to)
  if (at !== undefined) throw formatInvalid(`byte ${at} is reserved and not zero`)
}

/** Throws where the CRC that ends a page of a file is not that of the bytes before it. */
export function requirePageCrc(page: Buffer): void {
  const at = PAGE_BYTES - 4
  if (page.readUInt32LE(at) !== crc32(page.subarray(0, at))) {
    throw formatInvalid('the CRC of the page is wrong')
  }
}

export function requirePage(page: Buffer): void {
  if (page.length !== PAGE_BYTES) throw formatInvalid('a page has 4096 bytes')
}

const ZEROS = Buffer.alloc(65_536)

/** Where in `from`…`to` the first byte is that is not zero. */
export function firstNonZero(bytes: Buffer, from: number, to: number): number | undefined {
  for (let at = from; at < to; at += ZEROS.length) {
    const end = Math.min(to, at + ZEROS.length)
    if (bytes.compare(ZEROS, 0, end - at, at, end) === 0) continue
    for (let byte = at; byte < end; byte += 1) if (bytes[byte] !== 0) return byte
  }
  return undefined
}
