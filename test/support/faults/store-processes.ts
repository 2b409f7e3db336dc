/**
 * A storage node and a block index as real processes, without the rest of a zone: the two places
 * whose answers make a put durable. Their data is on the disk under test; what a zone shares and
 * their logs are not.
 */
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { chooseFreePorts, LocalService, programOf } from '@kura/local'
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
    await mkdir(options.besideDir, { recursive: true })
    const addresses = (await chooseFreePorts(5)).map((port) => `127.0.0.1:${port}`)
    const [rpc, block, indexRpc, nodeAdmin = '', indexAdmin = ''] = addresses
    const node = serviceOf('storage-node', options, {
      RPC_ADDRESS: rpc,
      BLOCK_ADDRESS: block,
      ADMIN_ADDRESS: nodeAdmin,
      // The rounds scrub nothing; verification is ordered.
      SCRUB_BYTES_PER_SECOND: '4096',
    })
    const index = serviceOf('block-index', options, {
      RPC_ADDRESS: indexRpc,
      ADMIN_ADDRESS: indexAdmin,
    })
    const said = await initialise(node.environment, 'storage-node')
    await initialise(index.environment, 'block-index')
    const { diskUuid } = JSON.parse(said) as { readonly diskUuid: string }
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

function serviceOf(
  kind: 'storage-node' | 'block-index',
  options: StoreProcessesOptions,
  own: Readonly<Record<string, string | undefined>>,
): { readonly service: LocalService; readonly environment: NodeJS.ProcessEnv } {
  const { dataDir, besideDir, nodeEnvironment = {} } = options
  const prefix = `KURA_${kind.replaceAll('-', '_').toUpperCase()}_`
  const settings = {
    POCKET: 'local',
    ZONE: 'a',
    DATA_DIR: join(dataDir, kind),
    COORDINATION_DIR: join(besideDir, 'coordination'),
    STOP_WITH_STDIN: '1',
    ...own,
  }
  const named = Object.entries(settings).map(([name, value]) => [prefix + name, value])
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    UV_THREADPOOL_SIZE: '8',
    // They start often; this saves a part of each start.
    NODE_COMPILE_CACHE: COMPILE_CACHE,
    ...Object.fromEntries(named),
    ...(kind === 'storage-node' ? nodeEnvironment : {}),
  }
  const service = new LocalService({
    name: kind,
    kind,
    program: programOf(kind),
    dataDir: join(dataDir, kind),
    adminAddress: own['ADMIN_ADDRESS'] ?? '',
    environment,
    logPath: join(besideDir, `${kind}.log`),
    restarts: false,
    tell: () => undefined,
    warn: () => undefined,
  })
  return { service, environment }
}

/** What `init` printed. The library of a fault is for the service alone. */
async function initialise(environment: NodeJS.ProcessEnv, kind: string): Promise<string> {
  const env = { ...environment, LD_PRELOAD: '' }
  return (await promisify(execFile)(process.execPath, [programOf(kind), 'init'], { env })).stdout
}
