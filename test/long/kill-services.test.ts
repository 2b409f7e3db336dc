/** See `test/support/kill-rounds.ts` for goal and method. `test/crash` runs some of them, too. */
import { describeKillRounds } from '../support/describe-kill-rounds.ts'

describeKillRounds({ rounds: 9 })
