import type { Plan, PlannedFault } from '../../plan/plan.ts'
import type { SimulatedVariant } from '../simulated-variant.ts'

const HANG_MS = 4_000

export const acknowledgeAfterTwoCopies: SimulatedVariant = {
  name: 'acknowledge-after-two-copies',
  what: 'a put is acknowledged once two of its three disks have it; the third is left to itself',
  edits: [
    {
      file: 'services/frontend/src/steps/write-to-all-disks.ts',
      fragment: `  const committed = await Promise.allSettled(commits)
`,
      replacement: `
  const two = Promise.withResolvers<undefined>()
  let committedCount = 0
  for (const commit of commits) {
    commit.then(() => {
      committedCount += 1
      if (committedCount === 2) two.resolve(undefined)
    }, () => undefined)
  }
  await Promise.race([two.promise, Promise.allSettled(commits)])
  if (committedCount >= 2) return
  const committed = await Promise.allSettled(commits)
`,
    },
    {
      file: 'services/frontend/src/steps/write-group.ts',
      fragment: `  const copies = await Promise.all(writes)
  cancelTimer()`,
      replacement: `
  const two = Promise.withResolvers<undefined>()
  let wholeCount = 0
  for (const write of writes) {
    void write.then((outcomes) => {
      if (outcomes.every((outcome) => outcome === undefined)) wholeCount += 1
      if (wholeCount === 2) two.resolve(undefined)
    })
  }
  await Promise.race([two.promise, Promise.all(writes)])
  cancelTimer()
  if (wholeCount >= 2) return []
  const copies = await Promise.all(writes)`,
    },
  ],
  tilt: destroyTwoDisks,
  tiltedBy:
    'one disk hangs, and loses its power as two others are emptied: two copies survive that less',
}

/**
 * Instead of the faults of the plan, for what comes on top of two emptied disks would be the third
 * failure.
 */
function destroyTwoDisks(plan: Plan): Plan {
  const { storageNodes } = plan.topology
  const hung = (plan.seed % storageNodes) + 1
  const [first, second] = [1, 2].map((step) => ((hung - 1 + step) % storageNodes) + 1)
  const hangAtMs = Math.floor(plan.faultPhaseMs / 4)
  const atMs = hangAtMs + HANG_MS / 2
  const restartAfterMs = 1_000
  const faults: PlannedFault[] = [
    { id: 0, atMs: hangAtMs, kind: 'disk', node: hung, fault: { kind: 'hung', forMs: HANG_MS } },
    {
      ...{ id: 1, atMs, kind: 'power-cut', mode: 'lost', restartAfterMs },
      processes: [`storage-node-${hung}`],
    },
    { id: 2, atMs, kind: 'empty-disk', node: first ?? 1, restartAfterMs },
    { id: 3, atMs, kind: 'empty-disk', node: second ?? 2, restartAfterMs },
  ]
  return { ...plan, faults }
}
