/** See `test/sabotage/describe-sabotage.ts` for goal and method. `test/long` runs all of them. */
import { describeSabotage } from '../sabotage/describe-sabotage.ts'
import { variantNamed } from '../sabotage/variants.ts'

describeSabotage(['retry-a-failed-sync', 'length-before-checksum'].map(variantNamed))
