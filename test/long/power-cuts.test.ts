/**
 * See `test/support/faults/power-series.ts` and `describe-zone-cuts.ts` for goal and method.
 * `test/faults` makes some of the cuts.
 */
import { describePowerCuts } from '../support/faults/describe-power-cuts.ts'
import { describeZoneCuts } from '../support/faults/describe-zone-cuts.ts'

describePowerCuts({ cutsPerKind: 30 })
describeZoneCuts({ fileSystems: ['ext4'], cuts: 2 })
