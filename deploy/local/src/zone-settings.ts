/**
 * How the services of a local zone are told their settings: one file each, as in production, which
 * `kura config show` reads, too. It is written anew at every start.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { addressOf, type Listeners } from './zone-addresses.ts'
import { POCKET, ZONE, type ServicePlan, type SettingValue } from './zone-plan.ts'

/**
 * What Node and the C library must be told before a process starts, as in `deploy/config`. Memory:
 * a young generation of 4 MiB halves instead of 32, and two arenas of malloc instead of one for
 * each thread; without them a process is some 60 MiB larger under load. Threads: they carry the
 * disk calls; with fewer a slow read would hold up writes.
 */
export const PROCESS_ENVIRONMENT: Readonly<Record<string, string>> = {
  NODE_OPTIONS: '--max-semi-space-size=4',
  MALLOC_ARENA_MAX: '2',
  UV_THREADPOOL_SIZE: '8',
}

const FOLDER = 'config'
const HEADING = '# Written by the launcher at every start: changes here are lost.\n'

/** Where the settings of a service are, e.g. of `storage-node-1-3`. */
export function settingsPathOf(dataDir: string, name: string): string {
  return join(dataDir, FOLDER, `${name}.toml`)
}

export async function writeSettings(
  plans: readonly ServicePlan[],
  zone: { readonly dataDir: string; readonly listeners: Listeners },
): Promise<void> {
  await mkdir(join(zone.dataDir, FOLDER), { recursive: true })
  for (const plan of plans) {
    const lines = Object.entries(settingsOf(plan, zone)).map(
      // The text of JSON is text of TOML.
      ([name, value]) => `${name} = ${JSON.stringify(value)}\n`,
    )
    await writeFile(settingsPathOf(zone.dataDir, plan.name), HEADING + lines.join(''))
  }
}

function settingsOf(
  plan: ServicePlan,
  zone: { readonly dataDir: string; readonly listeners: Listeners },
): Readonly<Record<string, SettingValue>> {
  const addresses = [...plan.listeners, 'admin_address'].map(
    (setting) => [setting, addressOf(zone.listeners, plan.name, setting)] as const,
  )
  return {
    pocket: POCKET,
    zone: ZONE,
    data_dir: join(zone.dataDir, plan.folder),
    coordination_dir: join(zone.dataDir, 'coordination'),
    stop_with_stdin: true,
    ...plan.settings,
    ...Object.fromEntries(addresses),
  }
}

/**
 * What the launcher has, without variables that would overrule what it decides for each service,
 * and with what the caller adds by kind or by name.
 */
export function environmentOf(
  plan: ServicePlan,
  zone: {
    readonly dataDir: string
    readonly listeners: Listeners
    readonly overrides: Readonly<Record<string, Readonly<Record<string, string>>>>
  },
): NodeJS.ProcessEnv {
  const prefix = `KURA_${plan.kind}_`
  const decided = new Set(
    ['config', ...Object.keys(settingsOf(plan, zone))].map((setting) =>
      `${prefix}${setting}`.replaceAll('-', '_').toUpperCase(),
    ),
  )
  const inherited = Object.entries(process.env).filter(([name]) => !decided.has(name))
  const given = { ...zone.overrides[plan.kind], ...zone.overrides[plan.name] }
  return {
    ...Object.fromEntries(inherited),
    ...PROCESS_ENVIRONMENT,
    ...given,
    // Options add up: who asks for a profile wants the same memory.
    NODE_OPTIONS: [process.env, PROCESS_ENVIRONMENT, given]
      .flatMap(({ NODE_OPTIONS: nodeOptions }) => nodeOptions ?? [])
      .join(' '),
  }
}
