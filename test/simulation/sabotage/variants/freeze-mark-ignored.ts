import { addFaults, type AddedFault } from '../add-faults.ts'
import { processesOf, type Plan } from '../../plan/plan.ts'
import type { SimulatedVariant } from '../simulated-variant.ts'

const MAP_DELAY_MS = 4_000
/** With that a seal takes so long that many puts come meanwhile. */
const DISK_LATENCY_MS = 30

export const freezeMarkIgnored: SimulatedVariant = {
  name: 'freeze-mark-ignored',
  what: 'a storage node goes on appending for clients to an extent that it has marked frozen',
  edits: [
    {
      file: 'packages/extent/src/extent-writer.ts',
      fragment: `if (purpose === 'client' && !this.#takesClients) throw frozen(this.#options.page)`,
      replacement: '',
    },
  ],
  tilt: delayMaps,
  tiltedBy: 'frontends hear late that a volume closes, and disks are slow',
}

function delayMaps(plan: Plan): Plan {
  const { frontends, storageNodes, volumeManagers } = plan.topology
  const forMs = plan.faultPhaseMs
  const nodes = processesOf('storage-node', storageNodes)
  const late = processesOf('volume-manager', volumeManagers).flatMap((from) => {
    return processesOf('frontend', frontends).map((to): AddedFault => {
      return { atMs: 0, kind: 'network', from, to, effect: 'delay', amount: MAP_DELAY_MS, forMs }
    })
  })
  const slow = nodes.map((_, index): AddedFault => {
    const fault = {
      kind: 'slow',
      factor: DISK_LATENCY_MS / plan.settings.diskLatencyMs,
      forMs,
    } as const
    return { atMs: 0, kind: 'disk', node: index + 1, fault }
  })
  return addFaults({ ...plan, faults: [] }, [...late, ...slow])
}
