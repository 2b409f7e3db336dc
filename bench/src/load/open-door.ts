/** Opens a door, with the patience that its callers have. */
import type { DoorClient, OpenDoor } from './block-door.ts'
import { ClientDoor } from './client-door.ts'
import { GrpcDoor } from './grpc-door.ts'
import { HttpDoor } from './http-door.ts'
import type { Door, LoadEndpoints } from './load.ts'
import { PatientDoor } from './patient-door.ts'

export function openDoor(door: Door, endpoints: LoadEndpoints, client: DoorClient): OpenDoor {
  switch (door) {
    case 'client':
      return new ClientDoor(endpoints, client)
    case 'http':
      return new PatientDoor(new HttpDoor(endpoints, client))
    case 'grpc':
      return new PatientDoor(new GrpcDoor(endpoints, client))
  }
}

export function countRetries(doors: readonly OpenDoor[]): number {
  return doors.reduce((sum, { retries }) => sum + retries, 0)
}
