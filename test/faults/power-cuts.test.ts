/** See `test/support/faults/power-series.ts` for goal and method. `test/long` makes more cuts. */
import { promisedCount } from '@kura/testkit'
import { describePowerCuts } from '../support/faults/describe-power-cuts.ts'

describePowerCuts({ cutsPerKind: promisedCount('power cuts of a disk') })
