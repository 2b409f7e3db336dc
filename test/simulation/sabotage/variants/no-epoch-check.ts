import { addFaults, type AddedFault } from '../add-faults.ts'
import { processesOf, type Plan } from '../../plan/plan.ts'
import type { SimulatedVariant } from '../simulated-variant.ts'

const DELAY_MS = 3_000
/** As parts of the fault phase. */
const MOMENTS = [0.1, 0.3, 0.5, 0.7]

export const noEpochCheck: SimulatedVariant = {
  name: 'no-epoch-check',
  what: 'a storage node obeys whoever orders, whichever epoch it has obeyed before',
  edits: [
    {
      file: 'packages/extent/src/disk-epoch.ts',
      fragment: 'if (epoch >= this.#highest) return',
      replacement: 'if (epoch >= 0) return',
    },
  ],
  tilt: delayOrders,
  tiltedBy: 'orders come late and twice, while leaders change',
}

function delayOrders(plan: Plan): Plan {
  const { faultPhaseMs, topology } = plan
  const forMs = faultPhaseMs * 0.1
  const way = { kind: 'network', to: '*', effect: 'delay', amount: DELAY_MS, forMs } as const
  const late = processesOf('volume-manager', topology.volumeManagers).flatMap((from) => {
    return MOMENTS.map((part): AddedFault => ({ ...way, from, atMs: faultPhaseMs * part }))
  })
  const losses = MOMENTS.map((part): AddedFault => {
    const atMs = faultPhaseMs * (part + 0.09)
    return { atMs, kind: 'lose-leadership', election: 'volume-manager-1' }
  })
  const settings = { ...plan.settings, networkDuplicateRate: 0.1 }
  return addFaults({ ...plan, settings }, [...late, ...losses])
}
