/**
 * A storage node and a block index as real processes, without the rest of a zone: the two places
 * whose answers make a put durable. Their data is on the disk under test; what a zone shares and
 * their logs are not.
 */
import { chooseFreePorts, type LocalService } from '@kura/local'
import type { MountedDisk } from '@kura/testkit'
import { makeStoreService } from './store-service.ts'

export interface StoreProcessesOptions {
  /** Where their data goes. */
  readonly nodeDir: string
  readonly indexDir: string
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
    const { nodeDir, indexDir, besideDir, nodeEnvironment = {} } = options
    const node = await makeStoreService('storage-node', {
      dataDir: nodeDir,
      besideDir,
      environment: nodeEnvironment,
      settings: {
        rpc_address: rpc,
        block_address: block,
        // The rounds scrub nothing; verification is ordered.
        scrub_bytes_per_second: 4096,
      },
      adminAddress: nodeAdmin,
    })
    const index = await makeStoreService('block-index', {
      dataDir: indexDir,
      besideDir,
      settings: { rpc_address: indexRpc },
      adminAddress: indexAdmin,
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
