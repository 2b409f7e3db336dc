/** See `test/support/bad-input` for goal and method. `test/scenarios` sends some of them, too. */
import { describeBadInput } from '../support/bad-input/describe-bad-input.ts'
import { ALL_DOORS } from '../support/bad-input/doors.ts'

describeBadInput({ doors: ALL_DOORS, requests: 1_000, warmUp: 20, isLong: true })
