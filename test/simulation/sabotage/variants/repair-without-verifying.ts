import { addFaults, type AddedFault } from '../add-faults.ts'
import type { Plan } from '../../plan/plan.ts'
import type { SimulatedVariant } from '../simulated-variant.ts'

const ROT_BITS = 100
const SILENCE_MS = 4_000

export const repairWithoutVerifying: SimulatedVariant = {
  name: 'repair-without-verifying',
  what: 'a new copy takes over what its source has: nobody looks at sums or hashes on the way',
  edits: [
    {
      file: 'services/storage-node/src/fetch-records.ts',
      fragment: `      checkBytes(wanted)
      return`,
      replacement: `      return`,
    },
    {
      file: 'packages/extent/src/read-record.ts',
      fragment: '!(await confirm(context, place, slab))) throw damaged(place)',
      replacement: '!(await confirm(context, place, slab))) void damaged',
    },
    {
      file: 'services/storage-node/src/handlers/read-record.ts',
      fragment: `import { hashFromBytes } from '@kura/core'`,
      replacement: `import { hashFromBytes } from '@kura/core'
import { crc32 } from 'node:zlib'`,
    },
    {
      file: 'services/storage-node/src/handlers/read-record.ts',
      fragment: '{ bytes: slab.payload.subarray(0, sizeBytes), crc: plainCrc },',
      replacement: `{
        bytes: slab.payload.subarray(0, sizeBytes),
        crc: crc32(slab.payload.subarray(0, sizeBytes)),
      },`,
    },
    {
      file: 'packages/extent/src/encode-record.ts',
      fragment: 'if (crc32(payload) !== record.plainCrc) return undefined',
      replacement: '',
    },
    {
      file: 'packages/extent/src/encode-record.ts',
      fragment: 'if (joinCrcs(payloadCrcs) !== record.plainCrc) return undefined',
      replacement: '',
    },
  ],
  tilt: rotSources,
  tiltedBy: 'a disk rots, and another node is away for so long that its copies are made anew',
}

function rotSources(plan: Plan): Plan {
  const { faultPhaseMs, topology } = plan
  const node = (plan.seed % topology.storageNodes) + 1
  const rots = [0.3, 0.35, 0.4].map((part): AddedFault => {
    const fault = { kind: 'rot', bits: ROT_BITS } as const
    return { atMs: faultPhaseMs * part, kind: 'disk', node, fault }
  })
  const process = `storage-node-${(node % topology.storageNodes) + 1}` as const
  const away = { kind: 'kill', process, restartAfterMs: faultPhaseMs } as const
  const settings = { ...plan.settings, silenceMs: SILENCE_MS, closeWaitMs: 0 }
  return addFaults({ ...plan, settings, faults: [] }, [
    ...rots,
    { ...away, atMs: faultPhaseMs * 0.41 },
  ])
}
