/** Every door of a frontend to which strangers can connect, and that of a storage node. */
import type { DoorPlace } from './attempts.ts'
import { blockDoor } from './block-door.ts'
import { grpcDoor } from './grpc-door.ts'
import { httpDoor } from './http-door.ts'
import { nodeDoor } from './node-door.ts'

export const ALL_DOORS: readonly DoorPlace[] = [
  { door: httpDoor, process: 'frontend', addressOf: ({ endpoints }) => endpoints.http },
  { door: blockDoor, process: 'frontend', addressOf: ({ endpoints }) => endpoints.block },
  { door: grpcDoor, process: 'frontend', addressOf: ({ endpoints }) => endpoints.grpc },
  { door: nodeDoor, process: 'storage-node', addressOf: ({ node }) => node },
]
