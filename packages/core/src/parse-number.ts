/** Plain numbers that came from outside: parsed once, so that none has lost digits or is NaN. */
import { KuraError } from './errors.ts'
import { BLOCK_SIZE_BYTES_MAX } from './limits.ts'

/** A count, version or number of bytes that travelled as uint64. Throws `invalid-argument`. */
export function parseCount(value: bigint, name: string): number {
  const number = Number(value)
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new KuraError('invalid-argument', `${name} is no number from 0 to 2^53`)
}

/** Whole Unix milliseconds that travelled as double. Throws `invalid-argument`. */
export function parseTimeMs(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new KuraError('invalid-argument', `${name} is no time in whole milliseconds`)
}

/**
 * The size of a block, 1 byte to 4 MiB, before memory is taken for it. Throws `invalid-argument`.
 */
export function parseBlockSize(sizeBytes: number): number {
  if (Number.isInteger(sizeBytes) && sizeBytes >= 1 && sizeBytes <= BLOCK_SIZE_BYTES_MAX) {
    return sizeBytes
  }
  throw new KuraError('invalid-argument', 'no block has this size', { details: { sizeBytes } })
}
