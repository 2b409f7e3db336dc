/** Every door of a frontend to which strangers can connect. */
import { blockDoor } from './block-door.ts'
import type { BadInputOptions } from './describe-bad-input.ts'
import { grpcDoor } from './grpc-door.ts'
import { httpDoor } from './http-door.ts'

export const ALL_DOORS: BadInputOptions['doors'] = [
  { door: httpDoor, addressOf: ({ zone }) => zone.endpoints.http },
  { door: blockDoor, addressOf: ({ zone }) => zone.endpoints.block },
  { door: grpcDoor, addressOf: ({ zone }) => zone.endpoints.grpc },
]
