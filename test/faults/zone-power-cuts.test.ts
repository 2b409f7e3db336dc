/** See `test/support/faults/describe-zone-cuts.ts` for goal and method. */
import { describeZoneCuts } from '../support/faults/describe-zone-cuts.ts'

describeZoneCuts({ fileSystems: ['xfs'], cuts: 1 })
