/** See `test/support/bad-input` for goal and method. */
import { blockDoor } from '../support/bad-input/block-door.ts'
import { describeBadInput } from '../support/bad-input/describe-bad-input.ts'
import { httpDoor } from '../support/bad-input/http-door.ts'

describeBadInput({
  doors: [
    { door: httpDoor, addressOf: ({ zone }) => zone.endpoints.http },
    { door: blockDoor, addressOf: ({ zone }) => zone.endpoints.block },
  ],
  attempts: 100,
})
