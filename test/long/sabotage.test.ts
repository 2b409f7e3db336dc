/** See `test/sabotage/describe-sabotage.ts` for goal and method. `test/crash` runs two of them. */
import { describeSabotage } from '../sabotage/describe-sabotage.ts'
import { VARIANTS } from '../sabotage/variants.ts'

describeSabotage(VARIANTS)
