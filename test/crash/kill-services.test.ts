/** See `test/support/kill-rounds.ts` for goal and method. `test/long` runs more of the rounds. */
import { promisedCount } from '@kura/testkit'
import { describeKillRounds } from '../support/describe-kill-rounds.ts'

describeKillRounds({ rounds: promisedCount('kills of a service') })
