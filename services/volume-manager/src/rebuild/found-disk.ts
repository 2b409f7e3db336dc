/** What one storage node says of its disk: all that is left of a lost table. */
import {
  KuraError,
  parseBucketId,
  parseCount,
  parseDiskUuid,
  parseExtentId,
  parseOrderId,
  parseOsdId,
  parseVolumeId,
  type BucketId,
  type DiskUuid,
  type ExtentId,
  type FailureDomains,
  type OrderId,
  type OsdId,
  type VolumeId,
} from '@kura/core'
import type { ExtentReport, ListExtentsResponse } from '@kura/proto'

export interface FoundExtent {
  readonly diskUuid: DiskUuid
  readonly extentId: ExtentId
  readonly volumeId: VolumeId
  readonly bucketId: BucketId
  readonly salt: string
  readonly generation: number
  readonly orderId: OrderId
  readonly capacityBytes: number
  readonly isSealed: boolean
  /** Hex; empty while open. */
  readonly digest: string
  readonly recordCount: number
  readonly lengthBytes: number
}

export interface FoundDisk {
  readonly diskUuid: DiskUuid
  readonly osdId: OsdId
  readonly domains: FailureDomains
  /** Highest epoch obeyed. */
  readonly epoch: number
  readonly suspect: boolean
  /** Files that the node left alone: what they hold is not here. */
  readonly notUnderstoodCount: number
  readonly extents: readonly FoundExtent[]
}

const SALT_PATTERN = /^[0-9a-f]{16}$/

/** Throws what the parsers throw, and `protocol-violation`. */
export function parseFoundDisk(message: ListExtentsResponse): FoundDisk {
  const diskUuid = parseDiskUuid(message.diskUuid)
  const { rack = '', power = '', vendor = '', firmware = '' } = message.domains ?? {}
  return Object.freeze({
    diskUuid,
    osdId: parseOsdId(message.osdId),
    domains: Object.freeze({ rack, power, vendor, firmware }),
    epoch: parseCount(message.epoch, 'epoch'),
    suspect: message.suspect,
    notUnderstoodCount: parseCount(message.notUnderstoodCount, 'not_understood_count'),
    extents: message.extents.map((extent) => parseFoundExtent(extent, diskUuid)),
  })
}

function parseFoundExtent(message: ExtentReport, diskUuid: DiskUuid): FoundExtent {
  if (!SALT_PATTERN.test(message.salt)) {
    throw new KuraError('protocol-violation', 'a storage node does not tell the salts', {
      details: { diskUuid },
      hint: 'run the same version on every storage node of the cell',
    })
  }
  return Object.freeze({
    diskUuid,
    extentId: parseExtentId(message.extentId),
    volumeId: parseVolumeId(message.volumeId),
    bucketId: parseBucketId(message.bucketId),
    salt: message.salt,
    generation: message.generation,
    orderId: parseOrderId(message.orderId),
    capacityBytes: parseCount(message.capacityBytes, 'capacity_bytes'),
    isSealed: message.state === 'sealed',
    digest: message.digest,
    recordCount: parseCount(message.recordCount, 'record_count'),
    lengthBytes: parseCount(message.lengthBytes, 'length_bytes'),
  })
}
