/** What a storage node says of one extent, as core types. */
import {
  KuraError,
  parseBucketId,
  parseCount,
  parseExtentId,
  parseVolumeId,
  type BucketId,
  type ExtentId,
  type VolumeId,
} from '@kura/core'
import type { ExtentReport as ExtentReportMessage } from '@kura/proto'

export interface ExtentReport {
  readonly extentId: ExtentId
  readonly volumeId: VolumeId
  readonly bucketId: BucketId
  readonly state: 'open' | 'frozen' | 'sealed'
  readonly recordCount: number
  readonly lengthBytes: number
  readonly capacityBytes: number
  /** Empty while open. */
  readonly digest: string
  /** Whether closing may add records: no crash and no hole was seen in the extent. */
  readonly canComplete: boolean
}

export function parseExtentReport(message: ExtentReportMessage): ExtentReport {
  return Object.freeze({
    extentId: parseExtentId(message.extentId),
    volumeId: parseVolumeId(message.volumeId),
    bucketId: parseBucketId(message.bucketId),
    state: parseState(message.state),
    recordCount: parseCount(message.recordCount, 'record_count'),
    lengthBytes: parseCount(message.lengthBytes, 'length_bytes'),
    capacityBytes: parseCount(message.capacityBytes, 'capacity_bytes'),
    digest: message.digest,
    canComplete: message.canComplete,
  })
}

function parseState(text: string): ExtentReport['state'] {
  if (text === 'open' || text === 'frozen' || text === 'sealed') return text
  throw new KuraError('protocol-violation', 'not a state of an extent on a disk', {
    details: { given: text },
  })
}
