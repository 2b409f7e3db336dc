/** Where the services of a local zone listen, and the environment that tells them so. */
import { join } from 'node:path'
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
    [...plan.listeners, 'ADMIN_ADDRESS'].map((setting) => `${plan.name} ${setting}`),
  )
  const ports = await chooseFreePorts(names.length)
  const listeners = new Map(names.map((name, index) => [name, `${HOST}:${ports[index]}`]))
  if (portBase === 0) return listeners
  const fixed = [
    'frontend-1 HTTP_ADDRESS',
    'frontend-1 BLOCK_ADDRESS',
    'zone-master-1 RPC_ADDRESS',
    'frontend-1 GRPC_ADDRESS',
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
    http: addressOf(listeners, 'frontend-1', 'HTTP_ADDRESS'),
    block: addressOf(listeners, 'frontend-1', 'BLOCK_ADDRESS'),
    grpc: addressOf(listeners, 'frontend-1', 'GRPC_ADDRESS'),
    zoneMaster: addressOf(listeners, 'zone-master-1', 'RPC_ADDRESS'),
    frontendAdmin: addressOf(listeners, 'frontend-1', 'ADMIN_ADDRESS'),
  }
}

export function buildEnvironment(
  plan: ServicePlan,
  options: {
    readonly dataDir: string
    readonly listeners: Listeners
    readonly overrides: Readonly<Record<string, Readonly<Record<string, string>>>>
  },
): NodeJS.ProcessEnv {
  const prefix = `KURA_${plan.kind.replaceAll('-', '_').toUpperCase()}_`
  const settings: Record<string, string> = {
    POCKET,
    ZONE,
    COORDINATION_DIR: join(options.dataDir, 'coordination'),
    DATA_DIR: join(options.dataDir, plan.folder),
    STOP_WITH_STDIN: '1',
    ...plan.settings,
  }
  for (const setting of [...plan.listeners, 'ADMIN_ADDRESS']) {
    settings[setting] = addressOf(options.listeners, plan.name, setting)
  }
  const named = Object.entries(settings).map(([setting, value]) => [prefix + setting, value])
  return {
    ...process.env,
    ...plan.environment,
    ...Object.fromEntries(named),
    ...options.overrides[plan.kind],
    ...options.overrides[plan.name],
  }
}
