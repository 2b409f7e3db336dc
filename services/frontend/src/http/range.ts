/** Single byte ranges of RFC 9110. Every other form of Range is ignored, as the RFC allows. */
import { KuraError } from '@kura/core'

export interface ByteRange {
  readonly fromBytes: number
  /** The first byte behind the range. */
  readonly toBytes: number
}

const RANGE_PATTERN = /^bytes=(\d{0,15})-(\d{0,15})$/

/**
 * The range asked for of a block of `sizeBytes`, or undefined where the whole block is to be sent.
 * Throws `range-not-satisfiable` for a range that has no byte in it.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const match = RANGE_PATTERN.exec(header?.trim() ?? '')
  if (match === null) return undefined
  const [, first = '', last = ''] = match
  if (first === '' && last === '') return undefined
  if (first === '') return lastBytes(Number(last), sizeBytes)
  const fromBytes = Number(first)
  // A last position before the first makes the header invalid, and so ignored.
  if (last !== '' && Number(last) < fromBytes) return undefined
  if (fromBytes >= sizeBytes) throw notSatisfiable(sizeBytes)
  const toBytes = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes)
  return { fromBytes, toBytes }
}

function lastBytes(countBytes: number, sizeBytes: number): ByteRange {
  if (countBytes === 0) throw notSatisfiable(sizeBytes)
  return { fromBytes: Math.max(0, sizeBytes - countBytes), toBytes: sizeBytes }
}

function notSatisfiable(sizeBytes: number): KuraError {
  return new KuraError('range-not-satisfiable', 'the range lies outside the block', {
    details: { sizeBytes },
  })
}
