/** One service that keeps data, made by its own `init` and told its settings by a file. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { LocalService, PROCESS_ENVIRONMENT, programOf } from '@kura/local'

const COMPILE_CACHE = resolve(import.meta.dirname, '../../../.cache/compiled')

export interface StoreServiceOptions {
  readonly dataDir: string
  /** For its settings and its log, and what the zone shares. */
  readonly besideDir: string
  readonly adminAddress: string
  readonly settings?: Readonly<Record<string, string | number>>
  /** Of the running service, not of `init`. */
  readonly environment?: NodeJS.ProcessEnv
}

/** Ready to be started; `said` is what `init` printed. */
export async function makeStoreService(
  kind: 'storage-node' | 'block-index',
  options: StoreServiceOptions,
): Promise<{ readonly service: LocalService; readonly said: string }> {
  const { dataDir, besideDir, adminAddress } = options
  const name =
    options.settings?.['osd_id'] === undefined ? kind : `${kind}-${options.settings['osd_id']}`
  const settingsPath = await writeSettings(join(besideDir, `${name}.toml`), {
    pocket: 'local',
    zone: 'a',
    data_dir: dataDir,
    coordination_dir: join(besideDir, 'coordination'),
    admin_address: adminAddress,
    stop_with_stdin: true,
    ...options.settings,
  })
  const environment = {
    ...process.env,
    ...PROCESS_ENVIRONMENT,
    // What a test preloads into every process goes into these, too.
    NODE_OPTIONS: [process.env['NODE_OPTIONS'], PROCESS_ENVIRONMENT['NODE_OPTIONS']].join(' '),
    // They start often; this saves a part of each start.
    NODE_COMPILE_CACHE: COMPILE_CACHE,
  }
  const program = programOf(kind)
  const init = [program, 'init', '--config', settingsPath]
  const { stdout } = await promisify(execFile)(process.execPath, init, { env: environment })
  const service = new LocalService({
    name,
    kind,
    program,
    dataDir,
    adminAddress,
    settingsPath,
    environment: { ...environment, ...options.environment },
    logPath: join(besideDir, `${name}.log`),
    restarts: false,
    tell: () => undefined,
    warn: () => undefined,
  })
  return { service, said: stdout }
}

async function writeSettings(
  path: string,
  settings: Readonly<Record<string, string | number | boolean>>,
): Promise<string> {
  const lines = Object.entries(settings).map(
    // The text of JSON is text of TOML.
    ([name, value]) => `${name} = ${JSON.stringify(value)}\n`,
  )
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, lines.join(''))
  return path
}
