/**
 * Every kind of fault that a plan may hold, with how to draw one. A draw may bring companions: a
 * lying sync shows only when the power goes.
 */
import type { Random } from '@kura/core'
import type { DiskFault } from '../disk/disk-fault.ts'
import { CRASH_MARKS, passersOf } from './crash-marks.ts'
import type { NetworkEffect, FaultAction, ProcessName, Topology } from './plan.ts'
import { NETWORK_EFFECTS, POWER_CUT_MODES, processesOf, processNames, rackOfNode } from './plan.ts'
import type { Settings } from './settings.ts'
import { drawChance, drawInteger, drawOne, drawScale, drawWeighted } from './stream.ts'

/** What a draw knows. */
export interface FaultScene {
  readonly random: Random
  readonly topology: Topology
  readonly settings: Settings
  /** When it strikes, and the longest that it may last: faults end with their phase. */
  readonly atMs: number
  readonly forMsMax: number
  /** Places whose disks may be destroyed. */
  readonly destructibleNodes: readonly number[]
}

export interface DrawnFault {
  readonly afterMs: number
  readonly action: FaultAction
}

export interface FaultKind {
  /** As the coverage counts it, after `fault:`. */
  readonly name: string
  readonly weight: number
  readonly isDestroying?: boolean
  readonly draw: (scene: FaultScene) => readonly DrawnFault[]
}

const SECOND_MS = 1000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const WALL_JUMPS_MS = [SECOND_MS, 60 * SECOND_MS, HOUR_MS, 15 * DAY_MS, 3650 * DAY_MS]
const DRIFTS = [0.0001, 0.01, 0.05]
const COMMIT_FAILURES = ['SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'SQLITE_IOERR_FSYNC']
const ELECTIONS = ['volume-manager-1', 'zone-master']
/** How often the power goes after a fault of which only that shows what it did. */
const COMPANION_RATE = 0.7

const processKinds: readonly FaultKind[] = [
  {
    name: 'kill',
    weight: 3,
    draw: (scene) => {
      const process = drawOne(scene.random, processNames(scene.topology))
      return one({ kind: 'kill', process, restartAfterMs: drawOutage(scene) })
    },
  },
  { name: 'crash-at-mark', weight: 9, draw: drawCrashAtMark },
  { name: 'power-cut', weight: 3, draw: (scene) => one(drawPowerCut(scene)) },
  {
    name: 'pause',
    weight: 2,
    draw: (scene) => {
      const process = drawOne(scene.random, processNames(scene.topology))
      return one({ kind: 'pause', process, forMs: drawTime(scene, 50, 30 * SECOND_MS) })
    },
  },
  {
    name: 'clock-jump',
    weight: 1,
    draw: (scene) => {
      const process = drawOne(scene.random, processNames(scene.topology))
      const sign = drawChance(scene.random, 0.6) ? 1 : -1
      return one({ kind: 'clock', process, jumpMs: sign * drawOne(scene.random, WALL_JUMPS_MS) })
    },
  },
  {
    name: 'clock-drift',
    weight: 1,
    draw: (scene) => {
      const process = drawOne(scene.random, processNames(scene.topology))
      const sign = drawChance(scene.random, 0.5) ? 1 : -1
      return one({ kind: 'clock', process, drift: sign * drawOne(scene.random, DRIFTS) })
    },
  },
  {
    name: 'lose-leadership',
    weight: 2,
    draw: ({ random }) => one({ kind: 'lose-leadership', election: drawOne(random, ELECTIONS) }),
  },
  {
    name: 'coordination-down',
    weight: 1,
    draw: (scene) => one({ kind: 'coordination-down', forMs: drawTime(scene, 100, 15_000) }),
  },
  {
    name: 'index-commit-fails',
    weight: 1,
    draw: ({ random }) =>
      one({ kind: 'index-commit-fails', code: drawOne(random, COMMIT_FAILURES) }),
  },
]

const networkKinds = NETWORK_EFFECTS.map((effect) => ({
  name: `network-${effect}`,
  weight: effect === 'cut' ? 2 : 1,
  draw: (scene: FaultScene) => drawNetwork(scene, effect),
}))

const diskKinds: readonly FaultKind[] = [
  diskKind('eio-read', ({ random }) => eio('read', drawInteger(random, 1, 10))),
  diskKind('eio-write', ({ random }) => eio('write', drawInteger(random, 1, 2))),
  diskKind('enospc', (scene) => ({ kind: 'enospc', forMs: drawTime(scene, 100, 15_000) })),
  diskKind('short-write', ({ random }) => ({
    kind: 'short-write',
    times: drawInteger(random, 1, 3),
  })),
  diskKind('slow', (scene) => ({
    kind: 'slow',
    factor: drawScale(scene.random, 2, 200),
    forMs: drawTime(scene, 100, 20_000),
  })),
  diskKind('hung', (scene) => ({ kind: 'hung', forMs: drawTime(scene, 100, 20_000) })),
  {
    name: 'disk-heal',
    weight: 0.5,
    draw: (scene) => one({ kind: 'disk-heal', node: drawNode(scene) }),
  },
  { name: 'swap-disks', weight: 1, draw: drawSwap },
  destroyingKind('failed-sync', ({ random }) => ({
    kind: 'failed-sync',
    times: drawInteger(random, 1, 3),
  })),
  destroyingKind('lying-sync', (scene) => ({
    kind: 'lying-sync',
    forMs: drawTime(scene, 500, 30_000),
  })),
  destroyingKind('rot', ({ random }) => ({ kind: 'rot', bits: drawScale(random, 1, 200) })),
  destroyingKind('misdirected-write', ({ random }) => ({
    kind: 'misdirected-write',
    times: drawInteger(random, 1, 4),
  })),
  destroyingKind('phantom-write', ({ random }) => ({
    kind: 'phantom-write',
    times: drawInteger(random, 1, 4),
  })),
  {
    name: 'empty-disk',
    weight: 1,
    isDestroying: true,
    draw: (scene) => {
      const node = drawOne(scene.random, scene.destructibleNodes)
      return one({ kind: 'empty-disk', node, restartAfterMs: drawOutage(scene) })
    },
  },
  {
    name: 'older-disk',
    weight: 1,
    isDestroying: true,
    draw: (scene) => {
      const node = drawOne(scene.random, scene.destructibleNodes)
      const takenAtMs = Math.floor(scene.random.next() * scene.atMs)
      return one({ kind: 'older-disk', node, takenAtMs, restartAfterMs: drawOutage(scene) })
    },
  },
]

export const FAULT_KINDS: readonly FaultKind[] = [...processKinds, ...networkKinds, ...diskKinds]

/** The name in `FAULT_KINDS` of what a plan holds. */
export function kindOfFault(fault: FaultAction): string {
  switch (fault.kind) {
    case 'network':
      return `network-${fault.effect}`
    case 'disk':
      return fault.fault.kind === 'eio' ? `eio-${fault.fault.on}` : fault.fault.kind
    case 'clock':
      return fault.drift === undefined ? 'clock-jump' : 'clock-drift'
    default:
      return fault.kind
  }
}

function one(action: FaultAction): readonly DrawnFault[] {
  return [{ afterMs: 0, action }]
}

function eio(on: 'read' | 'write', times: number): DiskFault {
  return { kind: 'eio', on, times }
}

function diskKind(name: string, draw: (scene: FaultScene) => DiskFault): FaultKind {
  return {
    name,
    weight: 1,
    draw: (scene) => one({ kind: 'disk', node: drawNode(scene), fault: draw(scene) }),
  }
}

function destroyingKind(name: string, draw: (scene: FaultScene) => DiskFault): FaultKind {
  return {
    name,
    weight: 1.5,
    isDestroying: true,
    draw: (scene) => {
      const node = drawOne(scene.random, scene.destructibleNodes)
      const fault: DrawnFault = { afterMs: 0, action: { kind: 'disk', node, fault: draw(scene) } }
      if (!drawChance(scene.random, COMPANION_RATE)) return [fault]
      const afterMs = drawTime({ ...scene, forMsMax: scene.forMsMax / 2 }, 10, 10_000)
      const later = { ...scene, forMsMax: scene.forMsMax - afterMs }
      const cut: FaultAction = {
        kind: 'power-cut',
        processes: [`storage-node-${node}`],
        mode: drawOne(scene.random, POWER_CUT_MODES),
        restartAfterMs: drawOutage(later),
      }
      return [fault, { afterMs, action: cut }]
    },
  }
}

function drawCrashAtMark(scene: FaultScene): readonly DrawnFault[] {
  const { random, topology } = scene
  const { mark, nthMax } = drawOne(random, CRASH_MARKS)
  const passers = passersOf(mark, topology)
  const action: FaultAction = {
    kind: 'crash-at-mark',
    mark,
    nth: drawScale(random, 1, nthMax),
    ...(drawChance(random, 0.3) && { process: drawOne(random, passers) }),
    restartAfterMs: drawOutage(scene),
    ...(drawChance(random, 0.5) && { power: drawOne(random, POWER_CUT_MODES) }),
  }
  return one(action)
}

/** One machine, a rack with all its nodes, or everything at once. */
function drawPowerCut(scene: FaultScene): FaultAction {
  const { random, topology } = scene
  const all = processNames(topology)
  const nodes = processesOf('storage-node', topology.storageNodes)
  const rack = drawInteger(random, 1, topology.racks)
  const extents = [
    { weight: 5, processes: [drawOne(random, all)] },
    { weight: 2, processes: nodes.filter((_, at) => rackOfNode(topology, at + 1) === rack) },
    { weight: 2, processes: nodes },
    { weight: 1, processes: all },
  ]
  const { processes } = drawWeighted(random, extents)
  const mode = drawOne(random, POWER_CUT_MODES)
  return { kind: 'power-cut', processes, mode, restartAfterMs: drawOutage(scene) }
}

function drawNetwork(scene: FaultScene, effect: NetworkEffect): readonly DrawnFault[] {
  const { random } = scene
  const [from, to] = drawPath(scene)
  const amount = drawAmount(random, effect)
  const rest = { ...(amount !== undefined && { amount }), forMs: drawTime(scene, 50, 30_000) }
  const way: DrawnFault = { afterMs: 0, action: { kind: 'network', from, to, effect, ...rest } }
  if (!drawChance(random, 0.4)) return [way]
  const back: FaultAction = { kind: 'network', from: to, to: from, effect, ...rest }
  return [way, { afterMs: 0, action: back }]
}

function drawAmount(random: Random, effect: NetworkEffect): number | undefined {
  switch (effect) {
    case 'cut':
    case 'reset':
      return undefined
    case 'loss':
      return drawOne(random, [0.05, 0.3, 0.8])
    case 'duplicate':
    case 'reorder':
      return drawOne(random, [0.05, 0.3, 0.5])
    case 'delay':
      return drawScale(random, 1, 6_000)
    case 'slow':
      return drawScale(random, 2, 100)
  }
}

/** Mostly between two that talk to each other; else one against all, or any two. */
function drawPath({
  random,
  topology,
}: FaultScene): readonly [ProcessName | '*', ProcessName | '*'] {
  const all = processNames(topology)
  const named = (kind: string): readonly ProcessName[] =>
    all.filter((name) => name.startsWith(kind))
  const pairs = [
    { weight: 3, between: [named('frontend'), named('storage-node')] },
    { weight: 2, between: [named('frontend'), named('block-index')] },
    { weight: 1, between: [named('frontend'), named('volume-manager')] },
    { weight: 3, between: [named('volume-manager'), named('storage-node')] },
    { weight: 1, between: [named('volume-manager'), named('block-index')] },
    { weight: 1, between: [named('zone-master'), all] },
    { weight: 1, between: [named('storage-node'), named('storage-node')] },
    { weight: 1, between: [all, all] },
    { weight: 2, between: [all, ['*' as const]] },
  ] as const
  const { between } = drawWeighted(random, pairs)
  const from = drawOne<ProcessName | '*'>(random, between[0])
  const others = between[1].filter((name) => name !== from)
  const to = others.length === 0 ? '*' : drawOne<ProcessName | '*'>(random, others)
  return drawChance(random, 0.5) ? [from, to] : [to, from]
}

function drawSwap(scene: FaultScene): readonly DrawnFault[] {
  const a = drawNode(scene)
  const b = (a % scene.topology.storageNodes) + 1
  const forMs = drawTime(scene, SECOND_MS, 30_000)
  const restartAfterMs = drawTime({ ...scene, forMsMax: forMs / 2 }, 50, 2_000)
  return one({ kind: 'swap-disks', a, b, forMs, restartAfterMs })
}

function drawNode({ random, topology }: FaultScene): number {
  return drawInteger(random, 1, topology.storageNodes)
}

/** A blink, a restart, or long enough for a disk to count as dead. */
function drawOutage(scene: FaultScene): number {
  const { silenceMs } = scene.settings
  const { minMs, maxMs } = drawWeighted(scene.random, [
    { weight: 4, minMs: 20, maxMs: 500 },
    { weight: 4, minMs: 500, maxMs: 5_000 },
    { weight: 3, minMs: silenceMs, maxMs: 2 * silenceMs },
  ])
  return drawTime(scene, minMs, maxMs)
}

/** Ends with the phase at the latest. */
function drawTime(
  { random, forMsMax }: Pick<FaultScene, 'random' | 'forMsMax'>,
  minMs: number,
  maxMs: number,
): number {
  return Math.min(drawScale(random, minMs, maxMs), Math.max(1, Math.floor(forMsMax)))
}
