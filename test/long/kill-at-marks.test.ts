/** See `test/support/marks/run-mark-kills.ts` for goal and method. `test/crash` runs some of it. */
import { describeStoreKills, describeZoneKills } from '../support/marks/describe-mark-kills.ts'

describeStoreKills({ rounds: 5, seed: 2 })
describeZoneKills({ rounds: 5, seed: 1 })
