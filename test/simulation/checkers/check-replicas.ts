/**
 * Every replica: the index, the table and the disks tell one story. Each live row names a bucket
 * that stands; each volume has its copies on disks and racks of their own; and each copy in force
 * has every block that the index places in it, whole.
 */
import type { EndViolation, Excused } from './end-violation.ts'
import type {
  HeldCopy,
  HeldDisk,
  HeldExtent,
  HeldVolume,
  LiveRow,
  ZoneHoldings,
} from './zone-holdings.ts'

const COPIES = 3

export function findReplicaViolation(
  holdings: ZoneHoldings,
  excused: Excused,
): EndViolation | undefined {
  const message = explain(holdings, excused)
  return message === undefined ? undefined : { kind: 'replicas', message }
}

function explain(holdings: ZoneHoldings, excused: Excused): string | undefined {
  const rowsOfBuckets = Map.groupBy(holdings.rows, ({ bucketId }) => bucketId)
  const standing = holdings.volumes.filter(({ state }) => state === 'open' || state === 'closed')
  const buckets = new Set(standing.map(({ bucketId }) => bucketId))
  const stray = holdings.rows.find(({ bucketId }) => !buckets.has(bucketId))
  if (stray !== undefined) return `${describeRow(stray)}, which is no bucket that stands`
  const disks = new Map(holdings.disks.map((disk) => [disk.diskUuid, disk]))
  for (const volume of standing) {
    const rows = rowsOfBuckets.get(volume.bucketId) ?? []
    const wrong = explainPlaces(volume, holdings) ?? explainCopies(volume, { rows, disks, excused })
    if (wrong !== undefined) return `${volume.state} volume ${volume.volumeId}: ${wrong}`
  }
  return undefined
}

function explainPlaces(volume: HeldVolume, { racks }: ZoneHoldings): string | undefined {
  const copies = inForce(volume)
  if (copies.length !== COPIES) return `${copies.length} copies are in force`
  const disks = new Set(copies.map(({ diskUuid }) => diskUuid))
  if (disks.size !== COPIES) return 'two copies are on one disk'
  const rackNames = copies.map(({ diskUuid }) => racks.get(diskUuid) ?? diskUuid)
  // A repair takes the same rack where there is no other; a new volume never does.
  const racksMin = Math.min(COPIES, new Set(racks.values()).size)
  if (volume.state === 'open' && new Set(rackNames).size < racksMin) {
    return `its copies are in the racks ${rackNames.join(', ')}`
  }
  return undefined
}

interface CopyCheck {
  readonly rows: readonly LiveRow[]
  readonly disks: ReadonlyMap<string | undefined, HeldDisk>
  readonly excused: Excused
}

function explainCopies(volume: HeldVolume, check: CopyCheck): string | undefined {
  const excused = volume.state === 'open' ? check.excused.openOn : check.excused.closedOn
  for (const copy of inForce(volume)) {
    if (excused.has(copy.diskUuid)) continue
    const disk = check.disks.get(copy.diskUuid)
    const extent = disk?.extents.get(copy.extentId)
    const wrong = explainCopy(volume, { copy, extent, rows: check.rows })
    const where = `extent ${copy.extentId} at node ${disk?.node ?? 'nowhere'}`
    if (wrong !== undefined) return `${where}: ${wrong}`
  }
  return undefined
}

function explainCopy(
  volume: HeldVolume,
  held: {
    readonly copy: HeldCopy
    readonly extent: HeldExtent | undefined
    readonly rows: readonly LiveRow[]
  },
): string | undefined {
  const { copy, extent, rows } = held
  if (extent === undefined) return 'it is not there'
  const sealed = volume.state === 'closed' ? explainSeal(volume, copy, extent) : undefined
  if (sealed !== undefined) return sealed
  for (const row of rows) {
    const record = extent.records.get(row.hash)
    if (record === undefined) return `it has no whole record for ${describeRow(row)}`
    if (record.sizeBytes !== row.sizeBytes || record.crc !== row.crc) {
      return `its record differs from ${describeRow(row)}`
    }
  }
  return undefined
}

function explainSeal(
  volume: HeldVolume,
  copy: HeldCopy,
  { check, records }: HeldExtent,
): string | undefined {
  const { state, footer } = check
  if (state !== 'sealed') return `it is ${state}`
  if (footer?.digest !== volume.digest) return `its digest is ${footer?.digest ?? 'unreadable'}`
  if (footer.lengthBytes !== copy.lengthBytes) return `it has ${footer.lengthBytes} bytes`
  if (records.size !== volume.recordCount) return `it has ${records.size} records`
  return undefined
}

function inForce(volume: HeldVolume): readonly HeldCopy[] {
  return volume.copies.filter(({ state }) => state === 'in-force')
}

function describeRow({ hash, bucketId }: LiveRow): string {
  return `the row of ${hash.slice(0, 16)}… in bucket ${bucketId}`
}
