/** See `test/support/bad-input` for goal and method. `test/long` sends many more. */
import { describeBadInput } from '../support/bad-input/describe-bad-input.ts'
import { ALL_DOORS } from '../support/bad-input/doors.ts'

describeBadInput({ doors: ALL_DOORS, requests: 20, warmUp: 2, isLong: false })
