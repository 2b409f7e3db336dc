import { addFaults, type AddedFault } from '../add-faults.ts'
import { processesOf, type Plan } from '../../plan/plan.ts'
import type { SimulatedVariant } from '../simulated-variant.ts'

const DAY_MS = 24 * 3_600_000

export const silenceByWallClock: SimulatedVariant = {
  name: 'silence-by-wall-clock',
  what: 'the volume manager counts the silence of disks on a clock that can be set',
  edits: [
    {
      file: 'services/volume-manager/src/disk-view.ts',
      fragment: 'this.#clock = options.clock',
      replacement: 'this.#clock = { monotonicMs: () => options.clock.nowMs() } as Clock',
    },
    {
      file: 'services/volume-manager/src/disk-view.ts',
      fragment: 'this.#tookOverAtMs = options.clock.monotonicMs()',
      replacement: 'this.#tookOverAtMs = options.clock.nowMs()',
    },
  ],
  tilt: jumpWhileAway,
  tiltedBy: 'one node is away for a moment, and meanwhile the clocks of the managers jump a day',
}

/** Instead of the faults of the plan, so that nothing is a reason for a repair. */
function jumpWhileAway(plan: Plan): Plan {
  const { storageNodes, volumeManagers } = plan.topology
  const closeWaitMs = plan.settings.silenceMs - 1
  const settings = { ...plan.settings, closeWaitMs, networkLossRate: 0 }
  const atMs = plan.faultPhaseMs * 0.6
  const process = `storage-node-${(plan.seed % storageNodes) + 1}` as const
  const restartAfterMs = Math.floor(plan.settings.silenceMs * 0.8) - 2_000
  const jumps = processesOf('volume-manager', volumeManagers).map((manager): AddedFault => {
    return { atMs: atMs + 300, kind: 'clock', process: manager, jumpMs: DAY_MS }
  })
  const away = { atMs, kind: 'kill', process, restartAfterMs } as const
  return addFaults({ ...plan, settings, faults: [] }, [away, ...jumps])
}
