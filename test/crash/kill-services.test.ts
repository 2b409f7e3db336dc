/** See `test/support/kill-rounds.ts` for goal and method. `test/long` runs more of the rounds. */
import { describeKillRounds } from '../support/describe-kill-rounds.ts'

describeKillRounds({ rounds: 2 })
