/** Where the services of a local zone listen. */
import { KuraError } from '@kura/core'
import { checkPort, chooseFreePorts } from './free-ports.ts'
import { POCKET, ZONE, type ServicePlan } from './zone-plan.ts'

const HOST = '127.0.0.1'

/** What `endpoints.json` says. */
export interface Endpoints {
  readonly pocket: string
  readonly zone: string
  readonly http: string
  readonly block: string
  readonly grpc: string
  readonly zoneMaster: string
  readonly frontendAdmin: string
}

/** `host:port` by service and setting. */
export type Listeners = ReadonlyMap<string, string>

/** The addresses a person types are fixed; everything else gets a free port. */
export async function chooseListeners(
  plans: readonly ServicePlan[],
  portBase: number,
): Promise<Listeners> {
  const names = plans.flatMap((plan) =>
    [...plan.listeners, 'admin_address'].map((setting) => `${plan.name} ${setting}`),
  )
  const ports = await chooseFreePorts(names.length)
  const listeners = new Map(names.map((name, index) => [name, `${HOST}:${ports[index]}`]))
  if (portBase === 0) return listeners
  const fixed = [
    'frontend-1 http_address',
    'frontend-1 block_address',
    'zone-master-1 rpc_address',
    'frontend-1 grpc_address',
  ]
  for (const [index, name] of fixed.entries()) {
    await checkPort(portBase + index, name)
    listeners.set(name, `${HOST}:${portBase + index}`)
  }
  return listeners
}

export function addressOf(listeners: Listeners, name: string, setting: string): string {
  const address = listeners.get(`${name} ${setting}`)
  if (address === undefined) throw new KuraError('internal', `no ${setting} for ${name}`)
  return address
}

export function describeEndpoints(listeners: Listeners): Endpoints {
  return {
    pocket: POCKET,
    zone: ZONE,
    http: addressOf(listeners, 'frontend-1', 'http_address'),
    block: addressOf(listeners, 'frontend-1', 'block_address'),
    grpc: addressOf(listeners, 'frontend-1', 'grpc_address'),
    zoneMaster: addressOf(listeners, 'zone-master-1', 'rpc_address'),
    frontendAdmin: addressOf(listeners, 'frontend-1', 'admin_address'),
  }
}
