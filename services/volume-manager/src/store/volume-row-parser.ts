/** Rows of volumes and extents as core types: the one place that trusts what SQL answered. */
import {
  KuraError,
  parseBucketId,
  parseDiskUuid,
  parseExtentId,
  parseOrderId,
  parseVolumeId,
  type ExtentPlacement,
  type ExtentState,
  type Volume,
  type VolumeState,
} from '@kura/core'

export interface VolumeRow {
  readonly volume_id: number
  readonly bucket_id: number
  readonly state: string
  readonly generation: number
  readonly salt: string
  readonly capacity_bytes: number
  readonly digest: string
  readonly record_count: number
  /** 0: none. */
  readonly order_id: number
}

export interface ExtentRow {
  readonly extent_id: number
  readonly volume_id: number
  readonly disk_uuid: string
  readonly state: string
  readonly length_bytes: number
}

export function parseVolumeRow(row: VolumeRow, extents: readonly ExtentRow[]): Volume {
  return Object.freeze({
    volumeId: parseVolumeId(row.volume_id),
    bucketId: parseBucketId(row.bucket_id),
    state: parseVolumeState(row.state),
    generation: row.generation,
    salt: row.salt,
    capacityBytes: row.capacity_bytes,
    digest: row.digest,
    recordCount: row.record_count,
    orderId: row.order_id === 0 ? undefined : parseOrderId(row.order_id),
    extents: Object.freeze(extents.map(parseExtentRow)),
  })
}

export function parseExtentRow(row: ExtentRow): ExtentPlacement {
  return Object.freeze({
    extentId: parseExtentId(row.extent_id),
    diskUuid: parseDiskUuid(row.disk_uuid),
    state: parseExtentState(row.state),
    lengthBytes: row.length_bytes,
  })
}

function parseVolumeState(text: string): VolumeState {
  switch (text) {
    case 'creating':
    case 'open':
    case 'closing':
    case 'closed':
    case 'retired':
      return text
    default:
      throw new KuraError('format-invalid', 'not a state of a volume', { details: { given: text } })
  }
}

function parseExtentState(text: string): ExtentState {
  switch (text) {
    case 'building':
    case 'in-force':
    case 'source':
    case 'retired':
      return text
    default:
      throw new KuraError('format-invalid', 'not a state of an extent', {
        details: { given: text },
      })
  }
}
