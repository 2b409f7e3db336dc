import { processesOf, type Plan } from '../../plan/plan.ts'
import { addFaults, type AddedFault } from '../add-faults.ts'
import type { SimulatedVariant } from '../simulated-variant.ts'

/** With that a seal takes about a second: as long as a change of leaders. */
const DISK_LATENCY_MS = 120
/** As parts of the fault phase. */
const MOMENTS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]

/**
 * On the storage node: the table of the volume manager is in one process's hands at a time, so that
 * no two leaders ever write to it at once, in the simulation as in production.
 */
export const epochCheckOutsideTheTransaction: SimulatedVariant = {
  name: 'epoch-check-outside-the-transaction',
  what: 'a build looks at the epoch before it seals and publishes, not in the turn that publishes',
  edits: [
    {
      file: 'packages/extent/src/scratch-extent.ts',
      fragment: 'return await this.#context.epoch.obey(page.epoch, () => this.#appear(footer))',
      replacement: 'return await this.#appear(footer)',
    },
  ],
  tilt: changeLeadersWhileBuilding,
  tiltedBy: 'disks are slow, nodes go and come back, and leaders change all the time',
}

function changeLeadersWhileBuilding(plan: Plan): Plan {
  const { faultPhaseMs, settings, topology } = plan
  const nodes = processesOf('storage-node', topology.storageNodes)
  const slow = nodes.map((_, index): AddedFault => {
    const factor = DISK_LATENCY_MS / settings.diskLatencyMs
    const fault = { kind: 'slow', factor, forMs: faultPhaseMs * 0.9 } as const
    return { atMs: faultPhaseMs * 0.1, kind: 'disk', node: index + 1, fault }
  })
  const kills = MOMENTS.map((part, index): AddedFault => {
    const process = nodes[(plan.seed + index) % nodes.length] ?? 'storage-node-1'
    return { atMs: faultPhaseMs * part, kind: 'kill', process, restartAfterMs: 200 }
  })
  const losses = MOMENTS.map((part): AddedFault => {
    const atMs = faultPhaseMs * (part + 0.05)
    return { atMs, kind: 'lose-leadership', election: 'volume-manager-1' }
  })
  return addFaults({ ...plan, faults: [] }, [...slow, ...kills, ...losses])
}
