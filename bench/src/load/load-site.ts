/** Where a load goes, and what can be done there: a zone of our own, or the pocket of a user. */
import { rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isKuraError, KuraError } from '@kura/core'
import { LocalZone, PROCESS_ENVIRONMENT } from '@kura/local'
import type { PartContext } from '../part.ts'
import type { LoadEndpoints } from './load.ts'
import type { WatchedProcess } from './process-watch.ts'
import { nameZoneFolder } from './remove-leftovers.ts'

export interface LoadSite extends AsyncDisposable {
  readonly endpoints: LoadEndpoints
  /** Those that run now; none where it is not known. */
  processes(): readonly WatchedProcess[]
  /** Ends a storage node like a power cut of its process. */
  killStorageNode(): Promise<void>
  /** Throws `unavailable` where a process has died that was not killed. */
  checkAlive(): void
}

const KINDS = ['frontend', 'storage-node', 'block-index', 'volume-manager', 'zone-master']

/** A new zone of real processes at default settings; disposing removes it with its data. */
export async function startZone(
  context: PartContext,
  options: { readonly serial: number; readonly restarts: boolean },
): Promise<LoadSite> {
  const dataDir = join(context.cacheFolder, nameZoneFolder(options.serial))
  const removeData = async () => await rm(dataDir, { recursive: true, force: true })
  const { profileFolder } = context
  try {
    const zone = await LocalZone.start({
      dataDir,
      portBase: 0,
      restarts: options.restarts,
      ...(profileFolder === undefined ? {} : { environment: profileEnvironment(profileFolder) }),
    })
    return new ZoneSite(zone, removeData)
  } catch (error) {
    const logFolder = join(context.cacheFolder, FAILED_LOG)
    await keepLog(dataDir, logFolder)
    await removeData()
    if (!isKuraError(error)) throw error
    const hint = `its logs are kept in ${logFolder}`
    throw new KuraError(error.code, `a zone did not start: ${error.message}`, {
      details: error.details,
      cause: error,
      hint,
    })
  }
}

/** Of the last zone that did not start: what it says goes with its data otherwise. */
const FAILED_LOG = 'bench-failed-start'

async function keepLog(dataDir: string, logFolder: string): Promise<void> {
  await rm(logFolder, { recursive: true, force: true })
  // Where nothing was started yet there is none.
  await rename(join(dataDir, 'log'), logFolder).catch(() => undefined)
}

class ZoneSite implements LoadSite {
  readonly #zone: LocalZone
  readonly #removeData: () => Promise<void>
  readonly #killed = new Set<string>()

  constructor(zone: LocalZone, removeData: () => Promise<void>) {
    this.#zone = zone
    this.#removeData = removeData
  }

  get endpoints(): LoadEndpoints {
    const { pocket, block, http, grpc } = this.#zone.endpoints
    return { pocket, block, http, grpc }
  }

  processes(): readonly WatchedProcess[] {
    return this.#zone.services.flatMap(({ name, kind, pid }) =>
      pid === undefined ? [] : [{ name, group: kind, pid }],
    )
  }

  async killStorageNode(): Promise<void> {
    const node = this.#zone.services.find(({ kind }) => kind === 'storage-node')
    if (node === undefined) throw new Error('a zone has storage nodes')
    this.#killed.add(node.name)
    await node.kill('SIGKILL')
  }

  checkAlive(): void {
    const dead = this.#zone.services.find(
      ({ name, isRunning }) => !isRunning && !this.#killed.has(name),
    )
    if (dead === undefined) return
    throw new KuraError('unavailable', `${dead.name} has died: ${dead.lastExit}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#zone.stop()
    } finally {
      await this.#removeData()
    }
  }
}

/** A zone or pocket that somebody runs: nothing of it can be seen, and nothing is killed. */
export class TargetSite implements LoadSite {
  readonly endpoints: LoadEndpoints

  constructor(endpoints: LoadEndpoints) {
    this.endpoints = endpoints
  }

  processes(): readonly WatchedProcess[] {
    return []
  }

  killStorageNode(): Promise<void> {
    throw new KuraError('invalid-argument', 'nothing is killed in a pocket that is not our own')
  }

  checkAlive(): void {
    // Its owner knows.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // It stays, with what was put.
  }
}

export function profileArguments(profileFolder: string | undefined): readonly string[] {
  if (profileFolder === undefined) return []
  return ['--cpu-prof', `--cpu-prof-dir=${resolve(profileFolder)}`]
}

/** Beside what the launcher tells every process anyway. */
function profileEnvironment(
  profileFolder: string,
): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const usual = PROCESS_ENVIRONMENT['NODE_OPTIONS'] ?? ''
  const NODE_OPTIONS = [usual, ...profileArguments(profileFolder)].join(' ')
  return Object.fromEntries(KINDS.map((kind) => [kind, { NODE_OPTIONS }]))
}
