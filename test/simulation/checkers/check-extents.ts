/** Every extent in force passes the independent checker without a damage. */
import type { EndViolation, Excused } from './end-violation.ts'
import type { HeldVolume, ZoneHoldings } from './zone-holdings.ts'

export function findDamage(holdings: ZoneHoldings, excused: Excused): EndViolation | undefined {
  const volumes = new Map(
    holdings.volumes.flatMap((volume) => volume.copies.map((copy) => [copy.extentId, volume])),
  )
  for (const { node, diskUuid, extents } of holdings.disks) {
    for (const [extentId, { check }] of extents) {
      const [damage] = check.damages
      const { pageZero } = check
      const volume = volumes.get(extentId)
      if (isExcused(diskUuid, volume, excused)) continue
      const isOwn =
        pageZero?.diskUuid === diskUuid &&
        pageZero?.extentId === extentId &&
        pageZero.volumeId === volume?.volumeId &&
        pageZero.bucketId === volume.bucketId
      if (damage === undefined && isOwn) continue
      const reason = damage === undefined ? 'page 0 is of another extent' : damage.reason
      const where = damage === undefined ? '' : ` (${damage.part} at ${damage.offsetBytes})`
      return { kind: 'damage', message: `extent ${extentId} at node ${node}: ${reason}${where}` }
    }
  }
  return undefined
}

function isExcused(
  diskUuid: string | undefined,
  volume: HeldVolume | undefined,
  { openOn, closedOn }: Excused,
): boolean {
  return (volume?.state === 'open' ? openOn : closedOn).has(diskUuid ?? '')
}
