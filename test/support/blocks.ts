/** Blocks for tests: bytes never stored before, made from a seed, remade from the same seed. */
import { createHash } from 'node:crypto'
import { parseBlockHash, type BlockHash } from '@kura/core'

export interface TestBlock {
  readonly hash: BlockHash
  readonly bytes: Buffer
}

/** A block of `sizeBytes` whose bytes follow from `seed` alone. */
export function makeBlock(seed: string, sizeBytes: number): TestBlock {
  const bytes = Buffer.alloc(sizeBytes)
  const unit = createHash('sha512').update(seed).digest()
  for (let offset = 0; offset < sizeBytes; offset += unit.length) {
    unit.writeUInt32LE(offset, 0)
    unit.copy(bytes, offset)
  }
  return { bytes, hash: hashOf(bytes) }
}

export function hashOf(bytes: Uint8Array): BlockHash {
  return parseBlockHash(createHash('sha256').update(bytes).digest('hex'))
}
