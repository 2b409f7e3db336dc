/**
 * A storage node and a block index as real processes, without the rest of a zone: the two places
 * whose answers make a put durable. Their data is on the disk under test; what a zone shares and
 * their logs are not.
 */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { chooseFreePorts, LocalService, PROCESS_ENVIRONMENT, programOf } from '@kura/local'
import type { MountedDisk } from './mounted-disk.ts'

const COMPILE_CACHE = resolve(import.meta.dirname, '../../../.cache/compiled')

export interface StoreProcessesOptions {
  /** Where their data goes. */
  readonly dataDir: string
  /** Where everything else goes. */
  readonly besideDir: string
  /** More variables for the storage node. */
  readonly nodeEnvironment?: NodeJS.ProcessEnv
}

export class StoreProcesses implements AsyncDisposable {
  readonly node: LocalService
  readonly index: LocalService
  readonly nodeRpcAddress: string
  readonly nodeBlockAddress: string
  readonly indexRpcAddress: string
  readonly diskUuid: string

  private constructor(parts: {
    readonly node: LocalService
    readonly index: LocalService
    readonly addresses: readonly string[]
    readonly diskUuid: string
  }) {
    this.node = parts.node
    this.index = parts.index
    const [nodeRpc = '', nodeBlock = '', indexRpc = ''] = parts.addresses
    this.nodeRpcAddress = nodeRpc
    this.nodeBlockAddress = nodeBlock
    this.indexRpcAddress = indexRpc
    this.diskUuid = parts.diskUuid
  }

  /** Makes both stores and starts both processes. */
  static async start(options: StoreProcessesOptions): Promise<StoreProcesses> {
    const addresses = (await chooseFreePorts(5)).map((port) => `127.0.0.1:${port}`)
    const [rpc = '', block = '', indexRpc = '', nodeAdmin = '', indexAdmin = ''] = addresses
    const node = await prepare('storage-node', options, {
      rpc_address: rpc,
      block_address: block,
      admin_address: nodeAdmin,
      // The rounds scrub nothing; verification is ordered.
      scrub_bytes_per_second: 4096,
    })
    const index = await prepare('block-index', options, {
      rpc_address: indexRpc,
      admin_address: indexAdmin,
    })
    const { diskUuid } = JSON.parse(node.said) as { readonly diskUuid: string }
    const parts = { node: node.service, index: index.service, addresses, diskUuid }
    const processes = new StoreProcesses(parts)
    await processes.restart()
    return processes
  }

  /** Starts what is not running and waits until both are ready. */
  async restart(): Promise<void> {
    for (const service of this.#services) service.start()
    await Promise.all(this.#services.map((service) => service.waitReady()))
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    await Promise.all(this.#services.map((service) => service.kill(signal)))
  }

  /** Power off, power on: kills, mounts `disk` anew, starts again. */
  async cutPower(disk: MountedDisk): Promise<void> {
    await disk.cutPower({ seed: 1, keptPercent: 0 })
    await this.kill('SIGKILL')
    const { isControlGone } = await disk.recover()
    if (!isControlGone) throw new Error('unsynced bytes survived the cut')
    await this.restart()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGKILL')
    for (const service of this.#services) service.close()
  }

  get #services(): readonly LocalService[] {
    return [this.node, this.index]
  }
}

/** Makes the store of a service that can be started then; `said` is what `init` printed. */
async function prepare(
  kind: 'storage-node' | 'block-index',
  options: StoreProcessesOptions,
  own: Readonly<Record<string, string | number>> & { readonly admin_address: string },
): Promise<{ readonly service: LocalService; readonly said: string }> {
  const { dataDir: disk, besideDir, nodeEnvironment = {} } = options
  const dataDir = join(disk, kind)
  const coordinationDir = join(besideDir, 'coordination')
  const settingsPath = await writeSettings(join(besideDir, `${kind}.toml`), {
    pocket: 'local',
    zone: 'a',
    data_dir: dataDir,
    coordination_dir: coordinationDir,
    stop_with_stdin: true,
    ...own,
  })
  const environment = {
    ...process.env,
    ...PROCESS_ENVIRONMENT,
    // They start often; this saves a part of each start.
    NODE_COMPILE_CACHE: COMPILE_CACHE,
  }
  const program = programOf(kind)
  const init = [program, 'init', '--config', settingsPath]
  const { stdout } = await promisify(execFile)(process.execPath, init, { env: environment })
  const service = new LocalService({
    name: kind,
    kind,
    program,
    dataDir,
    adminAddress: own.admin_address,
    settingsPath,
    // The library of a fault is for the running service alone.
    environment: { ...environment, ...(kind === 'storage-node' ? nodeEnvironment : {}) },
    logPath: join(besideDir, `${kind}.log`),
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
