/** Opens the doors of all callers of a load, with the patience that such callers have. */
import type { BlockDoor, Caller } from './block-door.ts'
import { SharedClient } from './client-door.ts'
import { GrpcDoor } from './grpc-door.ts'
import { HttpDoor } from './http-door.ts'
import type { Door, LoadEndpoints } from './load.ts'
import { PatientDoor } from './patient-door.ts'

export interface OpenDoors {
  /** One for each caller. */
  readonly doors: readonly Caller[]
  /** How often something was refused or broke off and was asked again. */
  readonly retries: () => number
  readonly close: () => void
}

interface Callers {
  readonly callers: number
  /** Whom requests count for; frontends are fair to clients one by one. */
  readonly name: string
  readonly sizeBytesMax: number
}

export function openDoors(door: Door, endpoints: LoadEndpoints, callers: Callers): OpenDoors {
  switch (door) {
    case 'client':
      return doorsOfClient(endpoints, callers)
    case 'http':
      return patientDoors(callers, (name) => new HttpDoor(endpoints, { name }))
    case 'grpc':
      return patientDoors(callers, (name) => new GrpcDoor(endpoints, { name }))
  }
}

function doorsOfClient(endpoints: LoadEndpoints, callers: Callers): OpenDoors {
  const client = new SharedClient(endpoints, callers)
  const doors = Array.from({ length: callers.callers }, () => client.door(callers.sizeBytesMax))
  return { doors, retries: () => client.retries, close: () => client.close() }
}

function patientDoors({ callers, name }: Callers, open: (name: string) => BlockDoor): OpenDoors {
  const doors = Array.from(
    { length: callers },
    (_, index) => new PatientDoor(open(`${name}-${index}`)),
  )
  return {
    doors,
    retries: () => doors.reduce((sum, door) => sum + door.retries, 0),
    close: () => {
      for (const door of doors) door.close()
    },
  }
}
