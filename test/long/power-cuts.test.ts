/** See `test/support/faults/power-series.ts` for goal and method. `test/faults` makes some cuts. */
import { describePowerCuts } from '../support/faults/describe-power-cuts.ts'

describePowerCuts({ cutsPerKind: 60 })
