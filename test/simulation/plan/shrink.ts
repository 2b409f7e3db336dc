/**
 * Makes a failing plan small: fewer faults, then fewer operations, then settings back to their
 * defaults, then fewer processes; and again, as long as that finds anything and runs are left.
 *
 * A survivable plan stays survivable on the way: what the smaller plan shows is still a bug.
 */
import { atlasViolation } from './fault-atlas.ts'
import { minimiseList } from './minimise-list.ts'
import type { Plan, PlannedFault, Topology } from './plan.ts'
import { processNames } from './plan.ts'
import { DEFAULT_SETTINGS, type Settings } from './settings.ts'

/** Runs that shrinking may take. */
export const SHRINK_RUNS_MAX = 500

export interface Shrunk {
  readonly plan: Plan
  readonly runs: number
  /** Whether it was ended by the number of runs, so that more of them might find a smaller plan. */
  readonly isCutShort: boolean
}

type Fails = (plan: Plan) => Promise<boolean>
type Step = (plan: Plan, fails: Fails) => Promise<Plan>

/** What keeps three copies apart, with room for a repair. Racks go first: each has a node. */
const TOPOLOGY_MIN: Topology = {
  racks: 4,
  storageNodes: 4,
  frontends: 1,
  volumeManagers: 1,
  zoneMasters: 1,
}

/**
 * REQUIRES: the plan fails. `fails` should demand the same kind of failure, or a new one is kept.
 */
export async function shrinkPlan(
  plan: Plan,
  options: {
    readonly fails: Fails
    readonly runsMax?: number
    /** Why a plan is no candidate. By default what the fault atlas says. */
    readonly violation?: (plan: Plan) => string | undefined
  },
): Promise<Shrunk> {
  const { runsMax = SHRINK_RUNS_MAX, violation = atlasViolation } = options
  let runs = 0
  let isCutShort = false
  const failsWithinLimit: Fails = async (candidate) => {
    if (violation(candidate) !== undefined) return false
    if (runs === runsMax) {
      isCutShort = true
      return false
    }
    runs += 1
    return await options.fails(candidate)
  }
  let smallest = plan
  for (;;) {
    const before = smallest
    for (const step of STEPS) smallest = await step(smallest, failsWithinLimit)
    if (smallest === before || isCutShort) return { plan: smallest, runs, isCutShort }
  }
}

const STEPS: readonly Step[] = [shrinkFaults, shrinkOperations, shrinkSettings, shrinkTopology]

async function shrinkFaults(plan: Plan, fails: Fails): Promise<Plan> {
  const isEnough = (faults: Plan['faults']): Promise<boolean> => fails({ ...plan, faults })
  const faults = await minimiseList(plan.faults, isEnough)
  return faults.length === plan.faults.length ? plan : { ...plan, faults }
}

async function shrinkOperations(plan: Plan, fails: Fails): Promise<Plan> {
  const isEnough = (operations: Plan['operations']): Promise<boolean> =>
    fails({ ...plan, operations })
  const operations = await minimiseList(plan.operations, isEnough)
  return operations.length === plan.operations.length ? plan : { ...plan, operations }
}

/** All at once where that still fails, else those that may. */
async function shrinkSettings(plan: Plan, fails: Fails): Promise<Plan> {
  const names = Object.keys(DEFAULT_SETTINGS) as (keyof Settings)[]
  const changed = names.filter((name) => plan.settings[name] !== DEFAULT_SETTINGS[name])
  const withOnly = (kept: readonly (keyof Settings)[]): Plan => {
    const own = Object.fromEntries(kept.map((name) => [name, plan.settings[name]]))
    return { ...plan, settings: { ...DEFAULT_SETTINGS, ...own } }
  }
  const kept = await minimiseList(changed, (some) => fails(withOnly(some)))
  return kept.length === changed.length ? plan : withOnly(kept)
}

/** One process of a kind less, again and again; none that a fault or an operation names. */
async function shrinkTopology(plan: Plan, fails: Fails): Promise<Plan> {
  let smallest = plan
  const names = Object.keys(TOPOLOGY_MIN) as (keyof Topology)[]
  for (const name of names) {
    while (smallest.topology[name] > TOPOLOGY_MIN[name]) {
      const topology = { ...smallest.topology, [name]: smallest.topology[name] - 1 }
      const candidate = { ...smallest, topology }
      if (!isWhole(candidate) || !(await fails(candidate))) break
      smallest = candidate
    }
  }
  return smallest
}

/** Whether all that the plan names is there. */
function isWhole({ topology, faults, operations }: Plan): boolean {
  const processes = new Set<string>([...processNames(topology), '*'])
  const hasRacks = topology.racks <= topology.storageNodes
  const hasFrontends = operations.every(({ frontend }) => frontend <= topology.frontends)
  const hasNamed = faults.every((fault) => namesOf(fault).every((name) => processes.has(name)))
  return hasRacks && hasFrontends && hasNamed
}

function namesOf(fault: PlannedFault): readonly string[] {
  switch (fault.kind) {
    case 'kill':
    case 'pause':
    case 'clock':
      return [fault.process]
    case 'crash-at-mark':
      return fault.process === undefined ? [] : [fault.process]
    case 'power-cut':
      return fault.processes
    case 'network':
      return [fault.from, fault.to]
    case 'disk':
    case 'disk-heal':
    case 'empty-disk':
    case 'older-disk':
      return [`storage-node-${fault.node}`]
    case 'swap-disks':
      return [`storage-node-${fault.a}`, `storage-node-${fault.b}`]
    case 'lose-leadership':
    case 'coordination-down':
    case 'index-commit-fails':
      return []
  }
}
