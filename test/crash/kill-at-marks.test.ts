/** See `test/support/marks/run-mark-kills.ts` for goal and method. `test/long` runs more of it. */
import { describeStoreKills } from '../support/marks/describe-mark-kills.ts'

describeStoreKills({ rounds: 1, seed: 1 })
