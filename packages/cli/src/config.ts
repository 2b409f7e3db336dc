/**
 * Where the zone is: what the command line says, then the environment, then the endpoints file that
 * a local zone writes. The only file that reads the environment.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { KuraError } from '@kura/core'

export interface Settings {
  /** Application listeners of frontends, `host:port`. */
  readonly servers: readonly string[]
  /** RPC listener of the zone master. */
  readonly master: string | undefined
  readonly pocket: string
  readonly zone: string
}

export interface ConnectionOptions {
  readonly endpoints?: string
  readonly server?: readonly string[]
  readonly master?: string
  readonly pocket?: string
  readonly zone?: string
}

interface Endpoints {
  readonly pocket: string
  readonly zone: string
  readonly block: string
  readonly zoneMaster: string
}

/** Names of pocket and zone where nothing says otherwise, as a local zone has them. */
const DEFAULT_POCKET = 'local'
const DEFAULT_ZONE = 'a'
const ENDPOINTS_FILE = join('.kura', 'endpoints.json')

/** Throws `setting-invalid` where no zone is named, or the endpoints file is none. */
export function readSettings(
  options: ConnectionOptions,
  env: NodeJS.ProcessEnv = process.env,
): Settings {
  const endpoints = readEndpoints(options.endpoints)
  const servers = options.server ?? splitList(env['KURA_SERVER'])
  const master = options.master ?? env['KURA_MASTER'] ?? endpoints?.zoneMaster
  return Object.freeze({
    servers: servers ?? (endpoints === undefined ? [] : [endpoints.block]),
    master,
    pocket: options.pocket ?? env['KURA_POCKET'] ?? endpoints?.pocket ?? DEFAULT_POCKET,
    zone: options.zone ?? env['KURA_ZONE'] ?? endpoints?.zone ?? DEFAULT_ZONE,
  })
}

/** What the environment says of the terminal; see no-color.org. */
export function readTerminalWishes(env: NodeJS.ProcessEnv = process.env): {
  readonly canDraw: boolean
  readonly wantsColor: boolean
} {
  const canDraw = env['TERM'] !== 'dumb'
  return { canDraw, wantsColor: canDraw && (env['NO_COLOR'] ?? '') === '' }
}

/** Whether the environment speaks of a service: `KURA_BLOCK_INDEX_…`. */
export function hasSettingsOf(service: string, env: NodeJS.ProcessEnv = process.env): boolean {
  const prefix = `KURA_${service.replaceAll('-', '_').toUpperCase()}_`
  return Object.keys(env).some((name) => name.startsWith(prefix))
}

/** Throws `setting-invalid` where there is no server to ask. */
export function requireServers(settings: Settings): readonly string[] {
  if (settings.servers.length > 0) return settings.servers
  throw zoneUnknown('--server HOST:PORT or KURA_SERVER')
}

export function requireMaster(settings: Settings): string {
  if (settings.master !== undefined) return settings.master
  throw zoneUnknown('--master HOST:PORT or KURA_MASTER')
}

function zoneUnknown(how: string): KuraError {
  return new KuraError('setting-invalid', `no running zone: ${ENDPOINTS_FILE} is not there`, {
    hint: `start one with npm start, or name one with ${how}`,
  })
}

function splitList(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined
  return text.split(',').map((each) => each.trim())
}

/** The file named, which must be there, or the nearest one here or in a folder above. */
function readEndpoints(path: string | undefined): Endpoints | undefined {
  if (path !== undefined) {
    const text = readIfThere(path)
    if (text !== undefined) return parseEndpoints(text, path)
    throw new KuraError('setting-invalid', `there is no ${path}`, {
      hint: 'a local zone writes it when it is ready',
    })
  }
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const nearest = resolve(folder, ENDPOINTS_FILE)
    const text = readIfThere(nearest)
    if (text !== undefined) return parseEndpoints(text, nearest)
    if (folder === dirname(folder)) return undefined
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new KuraError('setting-invalid', `cannot read ${path}`, { cause })
  }
}

function parseEndpoints(text: string, path: string): Endpoints {
  const [pocket, zone, block, zoneMaster] = ['pocket', 'zone', 'block', 'zoneMaster'].map((name) =>
    stringField(parseJson(text), name),
  )
  if (pocket && zone && block && zoneMaster) return { pocket, zone, block, zoneMaster }
  throw new KuraError('setting-invalid', `${path} does not name the endpoints of a zone`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function stringField(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const field: unknown = Object.entries(value).find(([key]) => key === name)?.[1]
  return typeof field === 'string' ? field : undefined
}
