/** See `test/support/kill-rounds.ts` for goal and method. `test/crash` runs some in each test run. */
import { describeKillRounds } from '../support/describe-kill-rounds.ts'

describeKillRounds({ rounds: 9 })
