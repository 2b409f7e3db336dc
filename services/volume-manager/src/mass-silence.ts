/** Whether so much of the cell is silent that this manager may be the one that is cut off. */
import type { DiskInfo, DiskUuid } from '@kura/core'
import type { DiskView } from './disk-view.ts'

/** More than one rack and more than this share of the cell silent: maybe it is us. */
const MASS_SILENCE_PERCENT = 10

export interface MassSilence {
  readonly silentCount: number
  readonly diskCount: number
  readonly rackCount: number
}

/** Undefined while it is not so. Disks that an operator gave up or declared lost are no riddle. */
export function findMassSilence(
  view: DiskView,
  givenUp: ReadonlySet<DiskUuid>,
): MassSilence | undefined {
  const counts = (disk: DiskInfo): boolean =>
    disk.state !== 'out' && disk.state !== 'lost' && !givenUp.has(disk.diskUuid)
  const disks = view.infos().filter(counts)
  const silent = disks.filter(({ reachable }) => !reachable)
  const racks = new Set(silent.map(({ domains }) => domains.rack))
  const isMass = racks.size > 1 && silent.length * 100 > disks.length * MASS_SILENCE_PERCENT
  if (!isMass) return undefined
  return { silentCount: silent.length, diskCount: disks.length, rackCount: racks.size }
}
