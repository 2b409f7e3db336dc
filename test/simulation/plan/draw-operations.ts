/**
 * What the clients of a plan do. Most gets ask for what was put a moment ago or at the same time:
 * there the answers are in doubt. The rest asks for anything, also for what nobody ever put.
 */
import type { Random } from '@kura/core'
import { NEVER_PUT_KEYS_FROM } from './blocks.ts'
import type { Operation, Topology } from './plan.ts'
import { streamOf } from '../kernel/stream-of.ts'
import { drawChance, drawInteger, drawWeighted } from './stream.ts'

export const OPERATIONS_MIN = 200
const OPERATIONS_MAX = 320
const CLIENTS_MIN = 2
const CLIENTS_MAX = 6
const RECENT_KEYS = 6
const NEVER_PUT_KEYS = 50
/** Operations stop shortly before the faults do: what is under way then still meets some. */
const LAST_PART = 0.98

const INTENTS = [
  { name: 'put a new block', kind: 'put', weight: 45 },
  { name: 'put a block again', kind: 'put', weight: 10 },
  { name: 'get a recent block', kind: 'get', weight: 18 },
  { name: 'get any block', kind: 'get', weight: 12 },
  { name: 'get a block before it is put', kind: 'get', weight: 4 },
  { name: 'get a block that nobody puts', kind: 'get', weight: 3 },
  { name: 'ask about a recent block', kind: 'stat', weight: 5 },
  { name: 'ask about a block that nobody puts', kind: 'stat', weight: 3 },
] as const
type Intent = (typeof INTENTS)[number]

export function drawOperations(
  seed: number,
  world: { readonly topology: Topology; readonly faultPhaseMs: number },
): readonly Operation[] {
  const random = streamOf(seed, 'operations')
  const count = drawInteger(random, OPERATIONS_MIN, OPERATIONS_MAX)
  const clients = drawInteger(random, CLIENTS_MIN, CLIENTS_MAX)
  const times = drawTimes(random, { count, untilMs: world.faultPhaseMs * LAST_PART })
  const operations: Operation[] = []
  let keyCount = 0
  for (const [id, atMs] of times.entries()) {
    const own = streamOf(seed, `operation:${id}`)
    const intent = drawWeighted(own, INTENTS)
    const key = drawKey(own, intent, keyCount)
    if (intent.kind === 'put' && key === keyCount) keyCount += 1
    const client = drawInteger(own, 1, clients)
    const frontend = drawInteger(own, 1, world.topology.frontends)
    operations.push({ id, atMs, client, frontend, kind: intent.kind, key })
  }
  return operations
}

/** In ascending order: some spread evenly, the others close after the one before. */
function drawTimes(
  random: Random,
  span: { readonly count: number; readonly untilMs: number },
): readonly number[] {
  const burstRate = random.next() * 0.8
  const times: number[] = []
  for (let index = 0; index < span.count; index += 1) {
    const before = times.at(-1)
    const isBurst = before !== undefined && drawChance(random, burstRate)
    const atMs = isBurst ? before + random.next() * 20 : random.next() * span.untilMs
    times.push(Math.min(roundMs(atMs), Math.floor(span.untilMs)))
  }
  return times.sort((a, b) => a - b)
}

function drawKey(random: Random, intent: Intent, keyCount: number): number {
  switch (intent.name) {
    case 'put a new block':
      return keyCount
    case 'get a block before it is put':
      return keyCount + drawInteger(random, 0, 2)
    case 'get a block that nobody puts':
    case 'ask about a block that nobody puts':
      return NEVER_PUT_KEYS_FROM + drawInteger(random, 0, NEVER_PUT_KEYS - 1)
    case 'get a recent block':
    case 'ask about a recent block':
      return Math.max(0, keyCount - drawInteger(random, 1, RECENT_KEYS))
    case 'put a block again':
    case 'get any block':
      return keyCount === 0 ? 0 : drawInteger(random, 0, keyCount - 1)
  }
}

/** Microseconds are enough, and shorter to read in a plan. */
function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
