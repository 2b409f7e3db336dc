/** What the zone says about a block, as the application sees it. */
import {
  hashFromBytes,
  KuraError,
  parseBucketId,
  parseCount,
  parseTimeMs,
  type BlockHash,
  type BucketId,
  type Incarnation,
} from '@kura/core'
import type { BlockInfo as BlockInfoMessage, PutReceipt as PutReceiptMessage } from '@kura/proto'

/** Facts at the time of the acknowledgement: every copy and the index row are on stable storage. */
export interface PutReceipt {
  readonly hash: BlockHash
  readonly sizeBytes: number
  readonly zone: string
  readonly bucketId: BucketId
  /** How the bucket is kept, e.g. `replicated-3`. */
  readonly volumeKind: string
  /** False when the zone had the block already. */
  readonly newlyStored: boolean
  /** Unix milliseconds on the clock of the block index. */
  readonly lastPutMs: number
  readonly indexIncarnation: Incarnation
  /** Where the change feed of the zone has this put. */
  readonly partition: number
  readonly position: number
  readonly zonesAcknowledged: readonly string[]
}

export interface BlockInfo {
  readonly hash: BlockHash
  readonly sizeBytes: number
  /** CRC-32 (IEEE) of the bytes. */
  readonly plainCrc: number
  readonly lastPutMs: number
  readonly bucketId: BucketId
}

/** Checks that the receipt is for the block that was put. Throws `protocol-violation`. */
export function parseReceipt(
  message: PutReceiptMessage,
  sent: { readonly hash: BlockHash; readonly sizeBytes: number },
): PutReceipt {
  const hash = hashFromBytes(message.hash)
  if (hash !== sent.hash || message.sizeBytes !== sent.sizeBytes) {
    throw new KuraError('protocol-violation', 'the receipt is for another block', {
      details: { sent: sent.hash, acknowledged: hash },
    })
  }
  return Object.freeze({
    hash,
    sizeBytes: message.sizeBytes,
    zone: message.zone,
    bucketId: parseBucketId(message.bucketId),
    volumeKind: message.volumeKind,
    newlyStored: message.newlyStored,
    lastPutMs: parseTimeMs(message.lastPutMs, 'last_put_ms'),
    indexIncarnation: Object.freeze({
      number: message.indexIncarnation?.number ?? 0,
      random: message.indexIncarnation?.random ?? '',
    }),
    partition: message.partition,
    position: parseCount(message.position, 'position'),
    zonesAcknowledged: Object.freeze([...message.zonesAcknowledged]),
  })
}

/** Checks that the answer is about the block asked for. Throws `protocol-violation`. */
export function parseBlockInfo(message: BlockInfoMessage, asked: BlockHash): BlockInfo {
  const hash = hashFromBytes(message.hash)
  if (hash !== asked) {
    throw new KuraError('protocol-violation', 'the answer is about another block', {
      details: { asked, answered: hash },
    })
  }
  return Object.freeze({
    hash,
    sizeBytes: message.sizeBytes,
    plainCrc: message.plainCrc,
    lastPutMs: parseTimeMs(message.lastPutMs, 'last_put_ms'),
    bucketId: parseBucketId(message.bucketId),
  })
}
