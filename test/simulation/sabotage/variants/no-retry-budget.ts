import { addFaults } from '../add-faults.ts'
import type { Plan } from '../../plan/plan.ts'
import type { SimulatedVariant } from '../simulated-variant.ts'

const OUTAGE_MS = 8_000
/** As many as one client has under way at a time; the others come when all is over. */
const CROWD = 16

export const noRetryBudget: SimulatedVariant = {
  name: 'no-retry-budget',
  what: 'a client repeats as often as its back-off allows, whatever that adds to the load',
  edits: [
    {
      file: 'packages/client/src/retry-budget.ts',
      fragment: 'if (this.#tokens < 1) return false',
      replacement: '',
    },
  ],
  tilt: crowdOneFrontend,
  tiltedBy: 'one client asks sixteen things at once, of a frontend that is down',
}

function crowdOneFrontend(plan: Plan): Plan {
  const atMs = Math.floor(plan.faultPhaseMs / 3)
  const operations = plan.operations.map((one, index) => {
    const waitMs = index < CROWD ? 0 : OUTAGE_MS
    return { ...one, client: 1, frontend: 1, atMs: atMs + waitMs + index }
  })
  const down = { kind: 'kill', process: 'frontend-1', restartAfterMs: OUTAGE_MS } as const
  return addFaults({ ...plan, operations, faults: [] }, [{ ...down, atMs }])
}
