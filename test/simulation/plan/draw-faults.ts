/**
 * The faults of a plan, in the style of a swarm: each seed has some kinds only, and those more
 * often. A life with everything at once hides what two kinds alone do to each other.
 */
import { FAULT_KINDS, type DrawnFault, type FaultKind } from './fault-kinds.ts'
import type { PlannedFault, Suite, Topology } from './plan.ts'
import type { Settings } from './settings.ts'
import { makeSurvivable } from './make-survivable.ts'
import { streamOf } from '../kernel/stream-of.ts'
import { drawChance, drawInteger, drawWeighted } from './stream.ts'

export const FAULTS_MIN = 3
const KIND_RATE = 0.35
const KINDS_MIN = 3
/** Survivable plans that have a disk which may be destroyed. */
const BAD_DISK_RATE = 0.75
/** Draws of one plan, with companions; `beyond` has twice as many. */
const DRAWS_MIN = 4
const DRAWS_MAX = 12
/** Nothing new begins in the last part of the phase, so that it still has time to act. */
const LAST_PART = 0.9
const BURST_MS = 300

interface World {
  readonly suite: Suite
  readonly topology: Topology
  readonly settings: Settings
  readonly faultPhaseMs: number
}

export function drawFaults(seed: number, world: World): readonly PlannedFault[] {
  const nodes = drawDestructibleNodes(seed, world)
  const awayNode = drawInteger(streamOf(seed, 'away disk'), 1, world.topology.storageNodes)
  const kinds = drawKinds(seed, { canDestroy: nodes.length > 0 })
  const random = streamOf(seed, 'faults')
  const effort = world.suite === 'beyond' ? 2 : 1
  const count = drawInteger(random, DRAWS_MIN * effort, DRAWS_MAX * effort)
  const burstRate = random.next() * 0.6
  const faults: PlannedFault[] = []
  let lastMs = 0
  for (let draw = 0; draw < count; draw += 1) {
    const own = streamOf(seed, `fault:${draw}`)
    const endMs = world.faultPhaseMs * LAST_PART
    const isBurst = draw > 0 && drawChance(own, burstRate)
    const wishedMs = isBurst ? lastMs + own.next() * BURST_MS : own.next() * endMs
    const atMs = Math.floor(Math.min(wishedMs, endMs))
    lastMs = atMs
    const forMsMax = world.faultPhaseMs - atMs
    const kind = drawWeighted(own, kinds)
    const scene = { ...world, random: own, atMs, forMsMax, destructibleNodes: nodes }
    for (const drawn of kind.draw(scene)) faults.push(plan(drawn, { atMs, id: faults.length }))
  }
  const kept = world.suite === 'beyond' ? faults : makeSurvivable(faults, { ...world, awayNode })
  const inOrder = kept.toSorted((a, b) => a.atMs - b.atMs || a.id - b.id)
  return inOrder.map((fault, id) => ({ ...fault, id }))
}

function drawDestructibleNodes(seed: number, { suite, topology }: World): readonly number[] {
  const all = Array.from({ length: topology.storageNodes }, (_, index) => index + 1)
  if (suite === 'beyond') return all
  const random = streamOf(seed, 'bad disk')
  if (!drawChance(random, BAD_DISK_RATE)) return []
  return [drawInteger(random, 1, topology.storageNodes)]
}

function drawKinds(seed: number, options: { readonly canDestroy: boolean }): readonly FaultKind[] {
  const possible = FAULT_KINDS.filter((kind) => options.canDestroy || kind.isDestroying !== true)
  const rated = possible.map((kind) => ({
    kind,
    dice: streamOf(seed, `has:${kind.name}`).next(),
  }))
  const enabled = rated.filter(({ dice }) => dice < KIND_RATE)
  if (enabled.length >= KINDS_MIN) return enabled.map(({ kind }) => kind)
  return rated
    .toSorted((a, b) => a.dice - b.dice)
    .slice(0, KINDS_MIN)
    .map(({ kind }) => kind)
}

function plan(
  { action, afterMs }: DrawnFault,
  given: { readonly id: number; readonly atMs: number },
): PlannedFault {
  return { ...action, id: given.id, atMs: given.atMs + afterMs }
}
