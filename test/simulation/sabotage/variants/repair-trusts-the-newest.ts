import { addFaults, type AddedFault } from '../add-faults.ts'
import { destroyedNodes } from '../../plan/fault-atlas.ts'
import type { Plan } from '../../plan/plan.ts'
import type { SimulatedVariant } from '../simulated-variant.ts'

/** Modification times are in no message: the sabotage tells them behind everybody's back. */
const TIMES = `((globalThis as any).kuraWrittenAt ??=
    new Map<string, number>()) as Map<string, number>`

export const repairTrustsTheNewest: SimulatedVariant = {
  name: 'repair-trusts-the-newest',
  what: 'repair takes the copy that was written last for the whole one, whatever the digest says',
  edits: [
    {
      file: 'packages/extent/src/extent-store.ts',
      fragment: 'return await this.#extent(extentId).listRecords()',
      replacement: `const listed = this.#extent(extentId)
    ;(${TIMES}).set(String(extentId), listed.lastWrittenAtMs)
    return await listed.listRecords()`,
    },
    {
      file: 'services/volume-manager/src/repair/repair-volume.ts',
      fragment: `  const whole = listed.find(
    ({ records }) => computeBucketDigest(records.values()) === volume.digest,
  )`,
      replacement: `  const times = ${TIMES}
  const timeOf = ({ placement }: ListedCopy) => times.get(String(placement.extentId)) ?? 0
  const [whole] = listed.toSorted((a, b) => timeOf(b) - timeOf(a))`,
    },
    {
      file: 'services/volume-manager/src/repair/repair-volume.ts',
      fragment:
        'return { records: [...base.values()], digest: volume.digest, sources, merged: [] }',
      replacement: `const digest = computeBucketDigest(base.values())
    return { records: [...base.values()], digest, sources, merged: [] }`,
    },
  ],
  tilt: bringOlderDisks,
  tiltedBy: 'the disk of one node comes back three times as it was earlier',
}

function bringOlderDisks(plan: Plan): Plan {
  const [known] = destroyedNodes(plan.faults)
  const node = known ?? (plan.seed % plan.topology.storageNodes) + 1
  const others = plan.faults.filter(({ kind }) => kind !== 'swap-disks')
  return addFaults(
    { ...plan, faults: others },
    [0.5, 0.7, 0.9].map((part): AddedFault => {
      const takenAtMs = Math.floor(plan.faultPhaseMs * (part - 0.2))
      const atMs = plan.faultPhaseMs * part
      return { atMs, kind: 'older-disk', node, takenAtMs, restartAfterMs: 300 }
    }),
  )
}
