/**
 * A plan: all that a seed decides about one simulated life of a zone, as plain data. The run
 * consumes the plan and nothing else, so that a failure can be kept, shrunk and replayed without
 * the code that drew it.
 */
import type { Mark } from '@kura/core'
import type { DiskFault, PowerCutMode } from '../disk/disk-fault.ts'
import type { Settings } from './settings.ts'

/**
 * `survivable` does only what three copies must live through without a loss; `beyond` does more,
 * and demands less: never wrong bytes, losses reported, processes that stay up.
 */
export const SUITES = ['survivable', 'beyond'] as const
export type Suite = (typeof SUITES)[number]

export interface Topology {
  readonly storageNodes: number
  readonly racks: number
  readonly frontends: number
  readonly volumeManagers: number
  readonly zoneMasters: number
}

export const PROCESS_KINDS = [
  'storage-node',
  'frontend',
  'block-index',
  'volume-manager',
  'zone-master',
] as const
export type ProcessKind = (typeof PROCESS_KINDS)[number]

/** The first of its kind is 1, e.g. `storage-node-3`. */
export type ProcessName = `${ProcessKind}-${number}`

export interface Operation {
  readonly id: number
  readonly atMs: number
  /** The first is 1. */
  readonly client: number
  /** The first is 1. */
  readonly frontend: number
  readonly kind: 'put' | 'get' | 'stat'
  /** What block: `blockOfKey` has its bytes. */
  readonly key: number
}

export type { PowerCutMode }
export const POWER_CUT_MODES: readonly PowerCutMode[] = [
  'lost',
  'kept',
  'torn',
  'prefix',
  'reordered',
]

export const NETWORK_EFFECTS = [
  'cut',
  'loss',
  'delay',
  'duplicate',
  'reorder',
  'slow',
  'reset',
] as const
export type NetworkEffect = (typeof NETWORK_EFFECTS)[number]

export type FaultAction =
  | { readonly kind: 'kill'; readonly process: ProcessName; readonly restartAfterMs: number }
  | {
      readonly kind: 'crash-at-mark'
      readonly mark: Mark
      /** Counted from `atMs` on; the first is 1. */
      readonly nth: number
      /** Without it, whoever passes the mark. */
      readonly process?: ProcessName
      readonly restartAfterMs: number
      readonly power?: PowerCutMode
    }
  | {
      readonly kind: 'power-cut'
      readonly processes: readonly ProcessName[]
      readonly mode: PowerCutMode
      readonly restartAfterMs: number
    }
  | { readonly kind: 'pause'; readonly process: ProcessName; readonly forMs: number }
  | {
      /** One way: `from` sends, `to` receives. */
      readonly kind: 'network'
      readonly from: ProcessName | '*'
      readonly to: ProcessName | '*'
      readonly effect: NetworkEffect
      /**
       * A probability for loss, duplicate and reorder; milliseconds for delay; a factor for slow.
       */
      readonly amount?: number
      readonly forMs: number
    }
  | { readonly kind: 'disk'; readonly node: number; readonly fault: DiskFault }
  | { readonly kind: 'disk-heal'; readonly node: number }
  /** With both nodes down; swapped back after `forMs`, if given, in the same way. */
  | {
      readonly kind: 'swap-disks'
      readonly a: number
      readonly b: number
      readonly forMs?: number
      readonly restartAfterMs: number
    }
  | { readonly kind: 'empty-disk'; readonly node: number; readonly restartAfterMs: number }
  /** The disk comes back with what it had at `takenAtMs`. */
  | {
      readonly kind: 'older-disk'
      readonly node: number
      readonly takenAtMs: number
      readonly restartAfterMs: number
    }
  | {
      readonly kind: 'clock'
      readonly process: ProcessName
      /** Of the wall clock, either way. */
      readonly jumpMs?: number
      /** Of both clocks from now on: 0.01 runs one percent fast. */
      readonly drift?: number
    }
  | { readonly kind: 'lose-leadership'; readonly election: string }
  | { readonly kind: 'coordination-down'; readonly forMs: number }
  | { readonly kind: 'index-commit-fails'; readonly code: string }

export type PlannedFault = FaultAction & { readonly id: number; readonly atMs: number }

export interface Plan {
  readonly seed: number
  readonly suite: Suite
  readonly topology: Topology
  readonly settings: Settings
  /** In the order of `atMs`. */
  readonly operations: readonly Operation[]
  /** In the order of `atMs`. */
  readonly faults: readonly PlannedFault[]
  readonly faultPhaseMs: number
  /** How long the zone may take, once faults have stopped, until it is whole. */
  readonly quietPhaseMsMax: number
}

export function processNames(topology: Topology): readonly ProcessName[] {
  const counts: Record<ProcessKind, number> = {
    'storage-node': topology.storageNodes,
    frontend: topology.frontends,
    'block-index': 1,
    'volume-manager': topology.volumeManagers,
    'zone-master': topology.zoneMasters,
  }
  return PROCESS_KINDS.flatMap((kind) => processesOf(kind, counts[kind]))
}

export function processesOf(kind: ProcessKind, count: number): readonly ProcessName[] {
  return Array.from({ length: count }, (_, index): ProcessName => `${kind}-${index + 1}`)
}

/** Racks are dealt to the nodes in turn. The first node and the first rack are 1. */
export function rackOfNode(topology: Topology, node: number): number {
  return ((node - 1) % topology.racks) + 1
}
