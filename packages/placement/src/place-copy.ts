/**
 * Where one more copy of a closed volume goes: on a disk that holds none of the copies that stay,
 * in a rack of its own while there is a choice. Power, vendor and firmware are kept apart as far
 * as that allows; among equals, builds spread over the cell.
 */
import type { DiskUuid, FailureDomains, Random } from '@kura/core'
import type { PlaceableDisk } from './place-volume.ts'

export interface PlaceCopyOptions {
  /** Disks that may take a new extent now. */
  readonly disks: readonly PlaceableDisk[]
  /** The disks of the copies that stay. */
  readonly kept: readonly { readonly diskUuid: DiskUuid; readonly domains: FailureDomains }[]
  /** Disks with a copy that is to be replaced: the last choice within a rack. */
  readonly replaced: readonly DiskUuid[]
  /** Copies that are being built on each disk, or are about to be. */
  readonly builds: ReadonlyMap<DiskUuid, number>
  readonly random: Random
}

/** Undefined where every disk that is left holds a copy already. */
export function placeCopy(options: PlaceCopyOptions): PlaceableDisk | undefined {
  const keptDisks = new Set(options.kept.map(({ diskUuid }) => diskUuid))
  const candidates = options.disks
    .filter(({ diskUuid }) => !keptDisks.has(diskUuid))
    .map((disk) => ({ disk, cost: costOf(disk, options) }))
  return candidates.toSorted((one, other) => compareCosts(one.cost, other.cost))[0]?.disk
}

/** Lower is better, first difference decides. */
function costOf(disk: PlaceableDisk, options: PlaceCopyOptions): readonly number[] {
  const { kept, replaced, builds, random } = options
  const { diskUuid, domains, freeBytes } = disk
  const shares = (label: keyof FailureDomains): number =>
    domains[label] === ''
      ? 0
      : kept.filter((other) => other.domains[label] === domains[label]).length
  return [
    shares('rack'),
    replaced.includes(diskUuid) ? 1 : 0,
    shares('power') + shares('vendor') + shares('firmware'),
    builds.get(diskUuid) ?? 0,
    random.next() / Math.max(1, freeBytes),
  ]
}

function compareCosts(one: readonly number[], other: readonly number[]): number {
  for (const [index, value] of one.entries()) {
    const difference = value - (other[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
