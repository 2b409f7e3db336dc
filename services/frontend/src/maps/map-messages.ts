/** Map messages as they travel, parsed into the types of the core vocabulary and back. */
import {
  fromBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf'
import {
  DISK_STATES,
  KuraError,
  parseBucketId,
  parseCellId,
  parseCount,
  parseDiskUuid,
  parseExtentId,
  parseOsdId,
  parseVolumeId,
  VOLUME_STATES,
  type CellId,
  type DiskInfo,
  type ExtentState,
  type Incarnation,
} from '@kura/core'
import type { CellMap, CellMapChange, MapVolume } from '@kura/placement'
import type {
  CellMapUpdate,
  CellMapUpdateSchema,
  DiskEntry,
  VolumeEntry,
  ZoneMap,
} from '@kura/proto'

/** What a frontend keeps of the zone map. */
export interface CellWeights {
  readonly version: number
  /** Share of new puts by cell. */
  readonly weights: ReadonlyMap<CellId, number>
}

const EXTENT_STATES: readonly ExtentState[] = ['building', 'in-force', 'source', 'retired']

/** A message from a file. Throws `format-invalid`. */
export function decodeMapMessage<T extends DescMessage>(
  schema: T,
  bytes: Uint8Array,
): MessageShape<T> {
  try {
    return fromBinary(schema, bytes, { readUnknownFields: false })
  } catch (cause) {
    throw new KuraError('format-invalid', 'a map does not decode', { cause })
  }
}

export function parseZoneMap(map: ZoneMap): CellWeights {
  const weights = map.cells.map(({ cellId, weight }) => [parseCellId(cellId), weight] as const)
  return { version: parseCount(map.version, 'version'), weights: new Map(weights) }
}

export function parseCellMapChange(update: CellMapUpdate): CellMapChange {
  return {
    cellId: parseCellId(update.cellId),
    incarnation: parseIncarnation(update.incarnation),
    snapshot: update.snapshot,
    fromVersion: parseCount(update.fromVersion, 'from_version'),
    toVersion: parseCount(update.toVersion, 'to_version'),
    volumes: update.volumes.map(parseVolumeEntry),
    disks: update.disks.map(parseDiskEntry),
    lastPart: update.lastPart,
  }
}

/** The whole map as one snapshot. Undefined while the map knows nothing. */
export function encodeSnapshot(
  map: CellMap,
): MessageInitShape<typeof CellMapUpdateSchema> | undefined {
  if (map.incarnation === undefined) return undefined
  return {
    cellId: map.cellId,
    incarnation: map.incarnation,
    snapshot: true,
    toVersion: BigInt(map.version),
    volumes: [...map.volumes()].map(encodeVolume),
    disks: [...map.disks()].map(encodeDisk),
    lastPart: true,
  }
}

export function parseVolumeEntry(entry: VolumeEntry): MapVolume {
  return {
    volumeId: parseVolumeId(entry.volumeId),
    bucketId: parseBucketId(entry.bucketId),
    state: parseWord(VOLUME_STATES, entry.state),
    generation: entry.generation,
    capacityBytes: parseCount(entry.capacityBytes, 'capacity_bytes'),
    usedBytes: parseCount(entry.usedBytes, 'used_bytes'),
    extents: entry.extents.map((extent) => ({
      extentId: parseExtentId(extent.extentId),
      diskUuid: parseDiskUuid(extent.diskUuid),
      state: parseWord(EXTENT_STATES, extent.state),
    })),
  }
}

export function parseDiskEntry(entry: DiskEntry): DiskInfo {
  const domains = entry.domains ?? { rack: '', power: '', vendor: '', firmware: '' }
  return {
    diskUuid: parseDiskUuid(entry.diskUuid),
    osdId: parseOsdId(entry.osdId),
    domains: {
      rack: domains.rack,
      power: domains.power,
      vendor: domains.vendor,
      firmware: domains.firmware,
    },
    state: parseWord(DISK_STATES, entry.state),
    reachable: entry.reachable,
    totalBytes: parseCount(entry.totalBytes, 'total_bytes'),
    freeBytes: parseCount(entry.freeBytes, 'free_bytes'),
  }
}

function encodeVolume(volume: MapVolume) {
  return {
    ...volume,
    volumeId: BigInt(volume.volumeId),
    bucketId: BigInt(volume.bucketId),
    capacityBytes: BigInt(volume.capacityBytes),
    usedBytes: BigInt(volume.usedBytes),
    extents: volume.extents.map((extent) => ({ ...extent, extentId: BigInt(extent.extentId) })),
  }
}

function encodeDisk(disk: DiskInfo) {
  return { ...disk, totalBytes: BigInt(disk.totalBytes), freeBytes: BigInt(disk.freeBytes) }
}

function parseIncarnation(incarnation: Incarnation | undefined): Incarnation {
  if (incarnation === undefined) {
    throw new KuraError('format-invalid', 'a cell map has no incarnation')
  }
  return { number: incarnation.number, random: incarnation.random }
}

function parseWord<T extends string>(words: readonly T[], text: string): T {
  const word = words.find((candidate) => candidate === text)
  if (word !== undefined) return word
  throw new KuraError('format-invalid', 'a map holds a state unknown to this version', {
    details: { state: text.slice(0, 40) },
  })
}
