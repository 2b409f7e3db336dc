import { addFaults } from '../add-faults.ts'
import type { SimulatedVariant } from '../simulated-variant.ts'

export const acknowledgeBeforeTheIndexCommit: SimulatedVariant = {
  name: 'acknowledge-before-the-index-commit',
  what: 'the block index answers a put before the transaction with its row has committed',
  edits: [
    {
      file: 'services/block-index/src/store/group-commit.ts',
      fragment: 'return () => resolve(result)',
      replacement: 'return resolve(result), () => undefined',
    },
  ],
  tilt: (plan) =>
    addFaults(
      plan,
      [0.2, 0.4, 0.6, 0.8].map((part) => ({
        atMs: plan.faultPhaseMs * part,
        kind: 'index-commit-fails',
        code: 'SQLITE_FULL',
      })),
    ),
  tiltedBy: 'four commits of the block index fail',
}
