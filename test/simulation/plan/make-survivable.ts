/**
 * Turns faults that three copies could not survive into some that they can, so that a plan has as
 * many as were drawn.
 */
import { destroyedNodes, SWAP_MARGIN_MS } from './fault-atlas.ts'
import type { PlannedFault, Topology } from './plan.ts'
import type { Settings } from './settings.ts'
import { nodesMaybeDead } from './silence.ts'

/** Of the silence that makes a disk dead: what a fault keeps when it would keep too many away. */
const SHORT_PART = 0.1
const PAUSE_MS = 500

interface Survivors {
  readonly topology: Topology
  readonly settings: Settings
  /** The node that may count as dead beside the destroyed one. */
  readonly awayNode: number
}

export function makeSurvivable(
  faults: readonly PlannedFault[],
  zone: Survivors,
): readonly PlannedFault[] {
  return withoutManyDead(withoutUnsafeSwaps(faults), zone)
}

/**
 * Swaps at a safe distance from each other and from what destroys stay; the others become a kill of
 * one node, so that no plan has fewer faults for it.
 */
function withoutUnsafeSwaps(faults: readonly PlannedFault[]): readonly PlannedFault[] {
  const isDestroying = (fault: PlannedFault): boolean => destroyedNodes([fault]).size > 0
  const moments = faults.filter(isDestroying).flatMap((fault) => {
    return fault.kind === 'older-disk' ? [fault.atMs, fault.takenAtMs] : [fault.atMs]
  })
  const taken: { readonly fromMs: number; readonly untilMs: number }[] = []
  return faults.map((fault) => {
    if (fault.kind !== 'swap-disks') return fault
    const fromMs = fault.atMs - SWAP_MARGIN_MS
    const untilMs = fault.atMs + (fault.forMs ?? Infinity) + SWAP_MARGIN_MS
    const isFree =
      moments.every((ms) => ms < fromMs || ms > untilMs) &&
      taken.every((other) => other.untilMs < fromMs || other.fromMs > untilMs)
    if (isFree) {
      taken.push({ fromMs, untilMs })
      return fault
    }
    const { id, atMs, a, restartAfterMs } = fault
    return { id, atMs, kind: 'kill', process: `storage-node-${a}`, restartAfterMs }
  })
}

/** Beside a destroyed disk only one may count as dead; what would make others so is made short. */
function withoutManyDead(
  faults: readonly PlannedFault[],
  zone: Survivors,
): readonly PlannedFault[] {
  const destroyed = destroyedNodes(faults)
  if (destroyed.size === 0) return faults
  const canStand = (some: readonly PlannedFault[]): boolean => {
    const dead = nodesMaybeDead({ ...zone, faults: some })
    return dead.every((node) => destroyed.has(node) || node === zone.awayNode)
  }
  const kept: PlannedFault[] = []
  for (const fault of faults) {
    const choices = [fault, shortenFault(fault, zone), moveFault(fault, zone)]
    const chosen = choices.find((choice) => canStand([...kept, choice]))
    kept.push(chosen ?? pauseAway(fault, zone))
  }
  return kept
}

function shortenFault(fault: PlannedFault, { settings }: Survivors): PlannedFault {
  const shortMs = Math.floor(settings.silenceMs * SHORT_PART)
  const forMs = 'forMs' in fault ? fault.forMs : undefined
  const restartAfterMs = 'restartAfterMs' in fault ? fault.restartAfterMs : undefined
  return {
    ...fault,
    ...(forMs !== undefined && { forMs: Math.min(forMs, shortMs) }),
    ...(restartAfterMs !== undefined && { restartAfterMs: Math.min(restartAfterMs, shortMs) }),
    ...(fault.kind === 'disk' &&
      'forMs' in fault.fault && {
        fault: { ...fault.fault, forMs: Math.min(fault.fault.forMs, shortMs) },
      }),
  }
}

/** The same at the node that may be away. */
function moveFault(fault: PlannedFault, { awayNode }: Survivors): PlannedFault {
  const process = `storage-node-${awayNode}` as const
  switch (fault.kind) {
    case 'disk':
      return { ...fault, node: awayNode }
    case 'kill':
    case 'pause':
    case 'crash-at-mark':
      return { ...fault, process }
    case 'power-cut':
      return { ...fault, processes: [process] }
    case 'network':
      return { ...fault, from: process, to: '*' }
    default:
      return fault
  }
}

function pauseAway({ id, atMs }: PlannedFault, { awayNode }: Survivors): PlannedFault {
  const process = `storage-node-${awayNode}` as const
  return { id, atMs, kind: 'pause', process, forMs: PAUSE_MS }
}
