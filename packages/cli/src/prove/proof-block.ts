/** The blocks of a proof: made from a seed, made again to compare, and never kept. */
import { createCipheriv, createHash } from 'node:crypto'
import { parseBlockHash, type BlockHash } from '@kura/core'
import { PROOF_BLOCK_BYTES_MIN } from './limits.ts'

export interface ProofBlock {
  readonly hash: BlockHash
  readonly bytes: Buffer
}

export interface ProofContent {
  readonly seed: string
  /** Of the largest block; sizes are spread evenly over their orders of magnitude. */
  readonly sizeBytesMax: number
}

/** The block of this number, the same for the same content. */
export function makeProofBlock({ seed, sizeBytesMax }: ProofContent, serial: number): ProofBlock {
  const key = createHash('sha256').update(`kura prove ${seed} ${serial}`).digest()
  const share = key.readUInt32LE(0) / 2 ** 32
  const span = (sizeBytesMax + 1) / PROOF_BLOCK_BYTES_MIN
  const sizeBytes = Math.floor(PROOF_BLOCK_BYTES_MIN * span ** share)
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const bytes = cipher.update(Buffer.alloc(Math.min(sizeBytes, sizeBytesMax)))
  return { bytes, hash: hashOf(bytes) }
}

export function hashOf(bytes: Uint8Array): BlockHash {
  return parseBlockHash(createHash('sha256').update(bytes).digest('hex'))
}
