/**
 * All that is demanded of a zone at the end of its life, when every process works again, everything
 * has been read, and nobody asks for anything.
 */
import { destroyedNodes } from '../plan/fault-atlas.ts'
import type { Plan } from '../plan/plan.ts'
import type { LifeMetrics } from '../zone/life-metrics.ts'
import { findByteViolation } from './check-bytes.ts'
import { findDamage } from './check-extents.ts'
import { findReplicaViolation } from './check-replicas.ts'
import { ResourceWatch } from './check-resources.ts'
import { NOTHING_EXCUSED, type EndViolation, type Excused } from './end-violation.ts'
import { readHoldings, type HoldingsSource, type ZoneHoldings } from './zone-holdings.ts'

export interface EndOfLife {
  readonly plan: Pick<Plan, 'faults'>
  readonly metrics: Pick<LifeMetrics, 'living'>
  /** Calls under way now. */
  readonly callCount: () => number
  /** By process, the connections to it that stand now. */
  readonly connections: () => ReadonlyMap<string, number>
  /** Told of what a run should sometimes meet. */
  readonly note: (event: EndEvent) => void
  /** The images of now. */
  readonly source: () => HoldingsSource
  /** Lets the zone live on; false where the run has failed meanwhile. */
  readonly live: (forMs: number) => Promise<boolean>
  /** Lets the zone live until no volume is between two states; false as above. */
  readonly settle: () => Promise<boolean>
}

/**
 * What a disk lacked that a fault has destroyed: `excused` where no scrubber had the time to find
 * it, `mended` where it was found and the copies were made anew.
 */
type EndEvent = 'excused' | 'mended'

/** What the scrubber and a repair get, on a disk that a fault has destroyed unnoticed. */
const SCRUB_MS_MAX = 30_000
const REPAIR_MS_MAX = 60_000
const LOOK_EVERY_MS = 1_000
/** For what works all the time to be seen with nothing in hands. */
const RESOURCES_MS_MAX = 20_000
const RESOURCES_EVERY_MS = 97
const PASSES = 'kura_storage_node_scrub_passes_total'

/** What survivable faults must leave: every copy of everything, and nothing held. */
export async function checkEnd(life: EndOfLife): Promise<EndViolation | undefined> {
  return (await checkDisks(life)) ?? (await checkResources(life))
}

/**
 * A disk that lost what it had confirmed may still do so unnoticed. On a slow scrubber nobody waits
 * for; else it must have been found, and the copies made anew.
 */
async function checkDisks(life: EndOfLife): Promise<EndViolation | undefined> {
  if (!(await life.settle())) return undefined
  let holdings = await readHoldings(life.source())
  const closed = (): EndViolation | undefined =>
    findViolation(holdings, openExcused(life, holdings))
  const unexcused = findViolation(holdings, allExcused(life, holdings))
  if (unexcused !== undefined || closed() === undefined) return unexcused
  if (!(await waitForScrubbers(life))) {
    life.note('excused')
    return undefined
  }
  for (let waitedMs = 0; ; waitedMs += LOOK_EVERY_MS) {
    if (!(await life.settle())) return undefined
    holdings = await readHoldings(life.source())
    const found = findViolation(holdings, allExcused(life, holdings)) ?? closed()
    if (found === undefined) life.note('mended')
    if (found === undefined || waitedMs >= REPAIR_MS_MAX) return found
    if (!(await life.live(LOOK_EVERY_MS))) return undefined
  }
}

export function findViolation(
  holdings: ZoneHoldings,
  excused: Excused = NOTHING_EXCUSED,
): EndViolation | undefined {
  return (
    findDamage(holdings, excused) ??
    findReplicaViolation(holdings, excused) ??
    findByteViolation(holdings)
  )
}

function openExcused(life: EndOfLife, { disks }: ZoneHoldings): Excused {
  const nodes = destroyedNodes(life.plan.faults)
  const destroyed = disks.filter(({ node }) => nodes.has(node)).map(({ diskUuid }) => diskUuid)
  return { ...NOTHING_EXCUSED, openOn: new Set(destroyed.filter((uuid) => uuid !== undefined)) }
}

function allExcused(life: EndOfLife, holdings: ZoneHoldings): Excused {
  const { openOn } = openExcused(life, holdings)
  return { openOn, closedOn: openOn }
}

/** Two passes from now on read everything once at least; false where that takes too long. */
async function waitForScrubbers(life: EndOfLife): Promise<boolean> {
  const nodes = [...destroyedNodes(life.plan.faults)].map((node) => `storage-node-${node}`)
  const before = countPasses(life, nodes)
  for (let waitedMs = 0; waitedMs < SCRUB_MS_MAX; waitedMs += LOOK_EVERY_MS) {
    if (!(await life.live(LOOK_EVERY_MS))) return false
    if (countPasses(life, nodes).every((count, at) => count >= (before[at] ?? 0) + 2)) {
      return true
    }
  }
  return false
}

function countPasses(life: EndOfLife, nodes: readonly string[]): readonly number[] {
  const { living } = life.metrics
  return nodes.map((node) => {
    const [sample] = living.find(({ name }) => name === node)?.samples([PASSES]) ?? []
    return sample?.value ?? 0
  })
}

async function checkResources(life: EndOfLife): Promise<EndViolation | undefined> {
  const watch = new ResourceWatch()
  for (let waitedMs = 0; waitedMs <= RESOURCES_MS_MAX; waitedMs += RESOURCES_EVERY_MS) {
    const { living } = life.metrics
    const [callCount, connections] = [life.callCount(), life.connections()]
    if (watch.look({ living, callCount, connections })) return undefined
    if (!(await life.live(RESOURCES_EVERY_MS))) return undefined
  }
  return watch.violation()
}
