/**
 * Which storage nodes a plan may keep away for so long that the zone counts their disks as dead.
 * Told with a margin to the safe side: nobody knows how long a start or a takeover lasts.
 */
import type { NetworkEffect, PlannedFault, Plan } from './plan.ts'

/** Time until a node that may be heard again has been heard. */
const RETURN_MS = 2_000
/**
 * Of the silence that makes a disk dead: what is left is for clocks that run fast and slow starts.
 */
const SAFE_PART = 0.8

/** What may keep heartbeats from arriving, or answers. */
const SILENCING: Readonly<Record<NetworkEffect, boolean>> = {
  cut: true,
  loss: true,
  reset: true,
  delay: true,
  slow: true,
  duplicate: false,
  reorder: false,
}

type Zone = Pick<Plan, 'topology' | 'settings' | 'faults'>

interface Silence {
  readonly fromMs: number
  readonly untilMs: number
}

/** The numbers of the nodes, in ascending order. */
export function nodesMaybeDead(zone: Zone): readonly number[] {
  const nodes = Array.from({ length: zone.topology.storageNodes }, (_, index) => index + 1)
  return nodes.filter((node) => isMaybeDead(node, zone))
}

function isMaybeDead(node: number, { settings, faults }: Zone): boolean {
  if (faults.some((fault) => isOwnError(fault, node))) return true
  const silences = faults
    .map((fault) => silenceOf(fault, node))
    .filter((each) => each !== undefined)
  // A crash at a mark may come at any time, also right after or before another silence.
  const crashMs = faults.reduce((sum, fault) => sum + crashTimeOf(fault, node), 0)
  return longestOf(silences) + crashMs >= settings.silenceMs * SAFE_PART
}

/** Whether the disk says by itself that it is no longer to be trusted with writes. */
function isOwnError(fault: PlannedFault, node: number): boolean {
  if (fault.kind === 'empty-disk' || fault.kind === 'older-disk') return fault.node === node
  if (fault.kind !== 'disk' || fault.node !== node) return false
  const { kind } = fault.fault
  return (
    kind === 'failed-sync' ||
    kind === 'short-write' ||
    (kind === 'eio' && fault.fault.on === 'write')
  )
}

function crashTimeOf(fault: PlannedFault, node: number): number {
  if (fault.kind !== 'crash-at-mark') return 0
  if (!fault.mark.startsWith('extent.') && !fault.mark.startsWith('disk.')) return 0
  if (fault.process !== undefined && fault.process !== `storage-node-${node}`) return 0
  return fault.restartAfterMs + RETURN_MS
}

function silenceOf(fault: PlannedFault, node: number): Silence | undefined {
  const forMs = silencingTimeOf(fault, node)
  if (forMs === undefined) return undefined
  return { fromMs: fault.atMs, untilMs: fault.atMs + forMs + RETURN_MS }
}

/** For how long the fault may silence the node; undefined where it does not. */
function silencingTimeOf(fault: PlannedFault, node: number): number | undefined {
  const name = `storage-node-${node}`
  switch (fault.kind) {
    case 'kill':
      return fault.process === name ? fault.restartAfterMs : undefined
    case 'power-cut':
      return fault.processes.some((each) => each === name) ? fault.restartAfterMs : undefined
    case 'pause':
      return fault.process === name ? fault.forMs : undefined
    case 'network':
      return SILENCING[fault.effect] && isBetween(fault, name) ? fault.forMs : undefined
    case 'disk':
      if (fault.node !== node) return undefined
      if (fault.fault.kind !== 'hung' && fault.fault.kind !== 'slow') return undefined
      return fault.fault.forMs
    case 'swap-disks':
      if (fault.a !== node && fault.b !== node) return undefined
      return (fault.forMs ?? Infinity) + 2 * fault.restartAfterMs
    case 'coordination-down':
      return fault.forMs
    case 'crash-at-mark':
    case 'disk-heal':
    case 'empty-disk':
    case 'older-disk':
    case 'clock':
    case 'lose-leadership':
    case 'index-commit-fails':
      return undefined
  }
}

/** Whether the path leads from the node to who listens for it, or back. */
function isBetween(path: { readonly from: string; readonly to: string }, node: string): boolean {
  const isNode = (end: string): boolean => end === node || end === '*'
  const isListener = (end: string): boolean => end === '*' || end.startsWith('volume-manager-')
  const { from, to } = path
  return (isNode(from) && isListener(to)) || (isListener(from) && isNode(to))
}

/** Of silences that overlap or touch. */
function longestOf(silences: readonly Silence[]): number {
  let longest = 0
  let fromMs = 0
  let untilMs = -Infinity
  for (const silence of silences.toSorted((a, b) => a.fromMs - b.fromMs)) {
    if (silence.fromMs > untilMs) fromMs = silence.fromMs
    untilMs = Math.max(untilMs, silence.untilMs)
    longest = Math.max(longest, untilMs - fromMs)
  }
  return longest
}
