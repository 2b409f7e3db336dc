/** See `test/support/marks/run-mark-kills.ts` for goal and method. `test/long` runs more of it. */
import { promisedCount } from '@kura/testkit'
import { describeStoreKills } from '../support/marks/describe-mark-kills.ts'

describeStoreKills({ rounds: promisedCount('kills at a mark'), seed: 1 })
