/** Every sabotage that lives of a simulated zone must show. */
import { assert } from '@kura/core'
import type { SimulatedVariant } from './simulated-variant.ts'
import { acknowledgeAfterTwoCopies } from './variants/acknowledge-after-two-copies.ts'
import { acknowledgeBeforeTheIndexCommit } from './variants/acknowledge-before-the-index-commit.ts'
import { closingDropsUnindexed } from './variants/closing-drops-unindexed.ts'
import { epochCheckOutsideTheTransaction } from './variants/epoch-check-outside-the-transaction.ts'
import { freezeMarkIgnored } from './variants/freeze-mark-ignored.ts'
import { noEpochCheck } from './variants/no-epoch-check.ts'
import { noRetryBudget } from './variants/no-retry-budget.ts'
import { repairTrustsTheNewest } from './variants/repair-trusts-the-newest.ts'
import { repairWithoutVerifying } from './variants/repair-without-verifying.ts'
import { silenceByWallClock } from './variants/silence-by-wall-clock.ts'

export const SIMULATED_VARIANTS: readonly SimulatedVariant[] = [
  acknowledgeAfterTwoCopies,
  acknowledgeBeforeTheIndexCommit,
  noEpochCheck,
  epochCheckOutsideTheTransaction,
  silenceByWallClock,
  repairWithoutVerifying,
  repairTrustsTheNewest,
  noRetryBudget,
  closingDropsUnindexed,
  freezeMarkIgnored,
]

export function simulatedVariantNamed(name: string): SimulatedVariant {
  const variant = SIMULATED_VARIANTS.find((each) => each.name === name)
  assert(variant !== undefined, `there is no sabotage called ${name}`)
  return variant
}
