/**
 * The blocks of a simulated life: a key is a small number, and its bytes follow from it alone. Two
 * keys never have the same bytes, since a block is named by its hash.
 */
import { createHash } from 'node:crypto'
import { assert } from '@kura/core'
import { streamOf } from '../kernel/stream-of.ts'
import { drawInteger, drawOne } from './stream.ts'

/** Small enough to be cheap, with all that is special about a length on disk. */
const PAYLOAD_SIZE_BYTES_MAX = 8192
const SPECIAL_SIZES_BYTES = [
  ...[4, 16, 511, 512, 513, 2048],
  ...[3839, 3840, 3841, 4095, 4096, 4097, 8191, 8192],
]
const KEY_BYTES = 4
const KEYS_MAX = 2 ** 31

/** The shortest blocks, each by one key: of those lengths there are too few for more. */
const TINY_KEYS = 3

/** What no plan ever puts. */
export const NEVER_PUT_KEYS_FROM = 1_000_000

export function sizeOfKey(key: number): number {
  assert(Number.isInteger(key) && key >= 0 && key < KEYS_MAX, `${key} is no key`)
  if (key < TINY_KEYS) return key + 1
  const random = streamOf(key, 'block size')
  if (random.next() < 0.75) return drawOne(random, SPECIAL_SIZES_BYTES)
  return drawInteger(random, KEY_BYTES, PAYLOAD_SIZE_BYTES_MAX)
}

/** Of keys that every plan has. */
const KEPT_KEYS = 256
const kept = new Map<number, PlannedBlock>()

export interface PlannedBlock {
  /** Nobody writes to them. */
  readonly bytes: Buffer
  /** In hex. */
  readonly hash: string
}

export function blockOfKey(key: number): PlannedBlock {
  const known = kept.get(key)
  if (known !== undefined) return known
  const bytes = bytesOfKey(key)
  const block = { bytes, hash: createHash('sha256').update(bytes).digest('hex') }
  if (key < KEPT_KEYS) kept.set(key, block)
  return block
}

/** The first four bytes are the key, where there is room for it; the rest is chance. */
function bytesOfKey(key: number): Buffer {
  const block = streamOf(key, 'block bytes').bytes(sizeOfKey(key))
  if (block.length >= KEY_BYTES) block.writeUInt32BE(key)
  return block
}
