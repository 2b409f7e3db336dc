/**
 * The fault atlas: which faults three copies on arbitrary disks can survive.
 *
 * A put is acknowledged once three disks have synced it, and a volume never has two copies on one
 * disk. So as long as every fault that destroys what a disk has acknowledged hits one and the same
 * disk, two of the three copies of everything acknowledged are whole, whatever else happens:
 *
 * - Ends of processes and power cuts take only what no sync has confirmed; any number of them, of
 *   all nodes at once, leaves everything acknowledged.
 * - A network, a clock, a slow, hung or full disk, an error of one read or write and a lost
 *   leadership take nothing from a disk.
 * - Rot, misdirected and phantom writes, a lying sync (with the power cut that proves the lie), a
 *   failed one, a disk that comes back emptied or as it was earlier: these destroy. One disk of a
 *   plan may suffer them, as often as chance wants.
 * - Repair is not counted on: it copies the whole copies elsewhere, at best in time for a second
 *   disk, and a plan cannot know when it has.
 * - Disks that stand in each other's place take nothing either, as long as they are put back, and
 *   as nothing that destroys is aimed at a place while another's disk stands there.
 * - The databases have one copy each. Nothing that destroys ever hits them, power cuts do.
 *
 * A disk that is away for long counts as dead, and its copies are replaced. Where one disk was
 * destroyed unnoticed and the two others of a volume count as dead, the zone would close and repair
 * the volume from the destroyed copy alone: that is three failures, and a loss. So a plan that
 * destroys a disk keeps only one other away so long, or makes it report errors of its own. A plan
 * that destroys none may keep away whom it likes: a disk that is away alone loses nothing.
 *
 * A plan of the suite `beyond` may do anything.
 */
import type { DiskFault } from '../disk/disk-fault.ts'
import type { PlannedFault, Plan } from './plan.ts'
import { nodesMaybeDead } from './silence.ts'

/** Disks of a survivable plan that may lose what they acknowledged. */
const DESTROYED_DISKS_MAX = 1
/** Further disks that may count as dead where one is destroyed. */
const OTHER_DEAD_DISKS_MAX = 1

const DESTROYS: Readonly<Record<DiskFault['kind'], boolean>> = {
  eio: false,
  enospc: false,
  'short-write': false,
  'failed-sync': true,
  'lying-sync': true,
  rot: true,
  'misdirected-write': true,
  'phantom-write': true,
  slow: false,
  hung: false,
}

/** The places whose disk may lose what it acknowledged, when the disk there is its own. */
export function destroyedNodes(faults: readonly PlannedFault[]): ReadonlySet<number> {
  const nodes = faults.map((fault) => nodeDestroyed(fault))
  return new Set(nodes.filter((node) => node !== undefined))
}

/** What keeps the plan from being survivable, for a plan that has to be. */
export function atlasViolation(
  plan: Pick<Plan, 'suite' | 'topology' | 'settings' | 'faults'>,
): string | undefined {
  if (plan.suite === 'beyond') return undefined
  const destroyed = destroyedNodes(plan.faults)
  if (destroyed.size > DESTROYED_DISKS_MAX) {
    return `disks of the nodes ${[...destroyed].join(', ')} are destroyed, one may be`
  }
  const dead = nodesMaybeDead(plan).filter((node) => !destroyed.has(node))
  if (destroyed.size > 0 && dead.length > OTHER_DEAD_DISKS_MAX) {
    return `disks of the nodes ${dead.join(', ')} may count as dead, one may beside the destroyed`
  }
  return swapViolation(plan)
}

function swapViolation(plan: Pick<Plan, 'faults'>): string | undefined {
  const swaps = plan.faults.filter((fault) => fault.kind === 'swap-disks')
  for (const swap of swaps) {
    if (swap.forMs === undefined) return `fault ${swap.id} never swaps the disks back`
    const others = plan.faults.filter((other) => other !== swap && isWithin(other, swap))
    const other = others.find(
      (each) => each.kind === 'swap-disks' || nodeDestroyed(each) !== undefined,
    )
    if (other !== undefined) return `fault ${other.id} comes while disks are swapped`
  }
  return undefined
}

function nodeDestroyed(fault: PlannedFault): number | undefined {
  if (fault.kind === 'disk') return DESTROYS[fault.fault.kind] ? fault.node : undefined
  if (fault.kind === 'empty-disk' || fault.kind === 'older-disk') return fault.node
  return undefined
}

/** Whether the fault acts, or takes its picture, while the disks of `swap` are away. */
function isWithin(fault: PlannedFault, swap: PlannedFault & { readonly forMs?: number }): boolean {
  const moments = fault.kind === 'older-disk' ? [fault.atMs, fault.takenAtMs] : [fault.atMs]
  const untilMs = swap.atMs + (swap.forMs ?? Infinity) + SWAP_MARGIN_MS
  return moments.some((ms) => ms >= swap.atMs - SWAP_MARGIN_MS && ms <= untilMs)
}

/** Nodes are down for a moment before and after disks change places. */
export const SWAP_MARGIN_MS = 5_000
