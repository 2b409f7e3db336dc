/** One attempt each of put, get and stat, on one server, over the block transport. */
import { createHash, hash as hashAtOnce } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { hashFromBytes, hashToBytes, KuraError, type BlockHash } from '@kura/core'
import type { ResponseHeader } from '@kura/proto'
import type { BlockClient } from '@kura/transport'
import { UPLOAD_ASK_SIZE_BYTES_MIN } from './limits.ts'
import { parseBlockInfo, parseReceipt, type BlockInfo, type PutReceipt } from './receipt.ts'
import type { Attempt } from './retry.ts'

export interface OutgoingBlock {
  readonly hash: BlockHash
  readonly bytes: Uint8Array
}

export interface WantedBlock {
  readonly hash: BlockHash
  /** Memory to read into, at least as long as the block. */
  readonly into: Uint8Array | undefined
}

/** Stands in where the caller gave no signal. */
export const neverAborted: AbortSignal = new AbortController().signal

function limitsOf(attempt: Attempt): { timeoutMs: number; signal: AbortSignal } {
  return { timeoutMs: attempt.timeoutMs, signal: attempt.signal ?? neverAborted }
}

/** A block about to be put, under its hash. */
export function prepareBlock(bytes: Uint8Array): OutgoingBlock {
  return { hash: hashFromBytes(hashAtOnce('sha256', bytes, 'buffer')), bytes }
}

/**
 * Puts a block. A large one is announced first, and sent only where the zone lacks it. When this
 * returns or throws, nothing reads the caller's bytes any more.
 */
export async function putBlock(
  transport: BlockClient,
  attempt: Attempt,
  block: OutgoingBlock,
): Promise<PutReceipt> {
  const hash = hashToBytes(block.hash)
  const sizeBytes = block.bytes.length
  const expectContinue = sizeBytes > UPLOAD_ASK_SIZE_BYTES_MIN
  const request = {
    requestId: attempt.requestId,
    operation: { case: 'putBlock' as const, value: { hash, sizeBytes, expectContinue } },
  }
  const limits = { sizeBytes, ...limitsOf(attempt) }
  const outgoing = await transport.openPut(attempt.address, request, limits)
  if (outgoing.early !== undefined) return receiptOf(outgoing.early, block)
  try {
    const room = outgoing.write(block.bytes)
    // While the bytes travel: the frontend hashes them, which takes longer.
    const crc = crc32(block.bytes)
    await room
    return receiptOf(await outgoing.commit({ crc, hash }), block)
  } finally {
    outgoing.abort()
    await outgoing.drained
  }
}

function receiptOf(response: ResponseHeader, block: OutgoingBlock): PutReceipt {
  const { outcome } = response
  if (outcome.case !== 'putBlock') throw unexpectedAnswer(outcome.case)
  return parseReceipt(outcome.value, { hash: block.hash, sizeBytes: block.bytes.length })
}

/**
 * Gets a block and verifies its SHA-256. The bytes lie in `into`, which must have room, or in new
 * memory. Throws `block-unreadable` when the server answers other bytes than those asked for.
 */
export async function getBlock(
  transport: BlockClient,
  attempt: Attempt,
  block: WantedBlock,
): Promise<Uint8Array> {
  const digest = createHash('sha256')
  const request = {
    requestId: attempt.requestId,
    operation: { case: 'getBlock' as const, value: { hash: hashToBytes(block.hash) } },
  }
  const { response, payload } = await transport.exchange(attempt.address, request, {
    ...limitsOf(attempt),
    // The SHA-256 says more.
    checkCrc: false,
    receive: (sizeBytes) => roomFor(sizeBytes, block.into),
    onPiece: (piece) => {
      digest.update(piece)
    },
  })
  const { outcome } = response
  if (outcome.case !== 'getBlock' || payload === undefined) throw unexpectedAnswer(outcome.case)
  if (digest.digest('hex') === block.hash) return payload
  throw new KuraError('block-unreadable', 'the server answered other bytes than the hash names', {
    details: { hash: block.hash, server: attempt.address },
  })
}

/** Throws `invalid-argument` where the block does not fit. */
export function roomFor(sizeBytes: number, into: Uint8Array | undefined): Uint8Array {
  if (into === undefined) return Buffer.allocUnsafeSlow(sizeBytes)
  if (into.length >= sizeBytes) return into.subarray(0, sizeBytes)
  throw new KuraError('invalid-argument', 'the block does not fit into the given memory', {
    details: { sizeBytes, roomBytes: into.length },
  })
}

export async function statBlock(
  transport: BlockClient,
  attempt: Attempt,
  hash: BlockHash,
): Promise<BlockInfo> {
  const request = {
    requestId: attempt.requestId,
    operation: { case: 'statBlock' as const, value: { hash: hashToBytes(hash) } },
  }
  const { response } = await transport.exchange(attempt.address, request, limitsOf(attempt))
  const { outcome } = response
  if (outcome.case !== 'statBlock') throw unexpectedAnswer(outcome.case)
  return parseBlockInfo(outcome.value, hash)
}

function unexpectedAnswer(outcome: string | undefined): KuraError {
  return new KuraError('protocol-violation', 'the server answered something else', {
    details: { outcome: outcome ?? 'none' },
  })
}
