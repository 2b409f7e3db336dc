/** From a seed to a plan. The same seed and suite give the same plan, in every process. */
import { assert } from '@kura/core'
import { drawFaults } from './draw-faults.ts'
import { drawOperations } from './draw-operations.ts'
import { atlasViolation } from './fault-atlas.ts'
import type { Plan, Suite, Topology } from './plan.ts'
import { drawSettings, type Settings } from './settings.ts'
import { streamOf } from '../kernel/stream-of.ts'
import { drawInteger } from './stream.ts'

const SECOND_MS = 1000

/**
 * With one disk gone for good, the others must still have three racks: four at least. Otherwise
 * redundancy could not return, and the quiet phase would wait for nothing.
 */
const RACKS_MIN = 4

export function makePlan(seed: number, suite: Suite): Plan {
  const topology = drawTopology(seed)
  const settings = drawSettings(seed)
  const faultPhaseMs = drawInteger(streamOf(seed, 'fault phase'), 8, 16) * SECOND_MS
  const operations = drawOperations(seed, { topology, faultPhaseMs })
  const faults = drawFaults(seed, { suite, topology, settings, faultPhaseMs })
  const quietPhaseMsMax = quietTimeOf(settings)
  const world = { topology, settings, operations, faults, faultPhaseMs, quietPhaseMsMax }
  const plan = { seed, suite, ...world }
  const violation = atlasViolation(plan)
  assert(violation === undefined, `plan of seed ${seed}: ${violation ?? ''}`)
  return plan
}

function drawTopology(seed: number): Topology {
  const random = streamOf(seed, 'topology')
  const storageNodes = drawInteger(random, 5, 8)
  return {
    storageNodes,
    racks: drawInteger(random, RACKS_MIN, storageNodes),
    frontends: drawInteger(random, 2, 3),
    volumeManagers: drawInteger(random, 1, 2),
    zoneMasters: drawInteger(random, 1, 2),
  }
}

/** Ten times what one round of noticing, closing, repairing and scrubbing takes. */
function quietTimeOf(settings: Settings): number {
  const { silenceMs, closeWaitMs, scrubPeriodMs } = settings
  return 10 * (silenceMs + closeWaitMs + scrubPeriodMs + 10 * SECOND_MS)
}
