/**
 * The processes that a rebuild asks, on whatever machines they are: the volume managers say which
 * extents are in force, the storage nodes list the records. Found through coordination.
 */
import {
  isKuraError,
  KuraError,
  parseCellId,
  type CellId,
  type Clock,
  type Coordinator,
  type PocketId,
  type ZoneId,
} from '@kura/core'
import { AddressBook } from '@kura/coordination'
import { BlockIndex, StorageNode, VolumeManager, ZoneMaster } from '@kura/proto'
import { type ProcessIdentity, type RpcClientOf, type RpcNetwork } from '@kura/rpc'

/** A call is tried this often while its service restarts or changes its leader. */
const ATTEMPTS_MAX = 10
const PAUSE_MS = 500
/** Whether an index that should not run does: one that does answers at once. */
const RIVAL_TIMEOUT_MS = 2_000

export interface ZonePeersOptions {
  readonly pocket: PocketId
  readonly zone: ZoneId
  readonly coordinator: Coordinator
  readonly clock: Clock
  readonly rpc: RpcNetwork
  readonly signal: AbortSignal
}

export class ZonePeers implements Disposable {
  readonly signal: AbortSignal
  readonly #identity: ProcessIdentity
  readonly #coordinator: Coordinator
  readonly #clock: Clock
  readonly #rpc: RpcNetwork
  readonly #addressBook: AddressBook
  readonly #clients = new Map<string, { close(): void }>()

  constructor(options: ZonePeersOptions) {
    const { pocket, zone, coordinator, clock } = options
    this.signal = options.signal
    this.#identity = { pocket, zone, kind: 'cli', id: 'rebuild' }
    this.#coordinator = coordinator
    this.#clock = clock
    this.#rpc = options.rpc
    this.#addressBook = new AddressBook({ coordinator, clock })
  }

  /** Every cell that anybody knows of: a forgotten one would make its blocks unknown. */
  async cellIds(): Promise<readonly CellId[]> {
    const members = await Promise.all([
      this.#coordinator.members('volume-manager'),
      this.#coordinator.members('storage-node'),
    ])
    const announced = members.flat().map(({ id }) => Number(id.split('-')[0]))
    const cells = new Set([...announced, ...(await this.#registeredCells())].map(parseCellId))
    return [...cells].sort((one, other) => one - other)
  }

  /** Throws `locked` where a block index still answers, perhaps from a file that is no more. */
  async refuseRunningIndex(): Promise<void> {
    const members = await this.#coordinator.members('block-index')
    if (members.length === 0) return
    try {
      await this.#blockIndex().getIndexStatus({}, { ...this.#call(), timeoutMs: RIVAL_TIMEOUT_MS })
    } catch (error) {
      if (isKuraError(error, 'unavailable', 'shutting-down')) return
      if (!isKuraError(error, 'deadline-exceeded')) throw error
    }
    throw new KuraError('locked', 'the block index of this zone is running', {
      hint: 'stop it first: an index is replaced offline',
    })
  }

  volumeManager(cellId: CellId): RpcClientOf<typeof VolumeManager> {
    return this.#client(`volume-manager ${cellId}`, () =>
      this.#rpc.createClient(VolumeManager, {
        identity: this.#identity,
        resolve: this.#addressBook.resolver('volume-manager', `${cellId}-*`, 'rpc'),
      }),
    )
  }

  storageNode(node: {
    readonly cellId: CellId
    readonly osdId: number
  }): RpcClientOf<typeof StorageNode> {
    const id = `${node.cellId}-${node.osdId}`
    return this.#client(`storage-node ${id}`, () =>
      this.#rpc.createClient(StorageNode, {
        identity: this.#identity,
        resolve: this.#addressBook.resolver('storage-node', id, 'rpc'),
      }),
    )
  }

  /** Runs a call again while its service is between two lives or two leaders. */
  async patiently<T>(call: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call()
      } catch (error) {
        const isPassing = isKuraError(error, 'unavailable', 'not-leader', 'shutting-down')
        if (!isPassing || attempt === ATTEMPTS_MAX) throw error
        await this.pause()
      }
    }
  }

  async pause(): Promise<void> {
    await this.#clock.sleep(PAUSE_MS, { signal: this.signal })
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client.close()
  }

  /** The registry may know a cell whose processes are all away. */
  async #registeredCells(): Promise<readonly number[]> {
    const master = this.#client('zone-master', () =>
      this.#rpc.createClient(ZoneMaster, {
        identity: this.#identity,
        resolve: this.#addressBook.resolver('zone-master', undefined, 'rpc'),
      }),
    )
    try {
      const { weights } = await master.getZoneStatus({}, this.#call())
      return weights.map(({ cellId }) => cellId)
    } catch (error) {
      if (!isKuraError(error, 'unavailable', 'not-leader', 'deadline-exceeded')) throw error
      return []
    }
  }

  #blockIndex(): RpcClientOf<typeof BlockIndex> {
    return this.#client('block-index', () =>
      this.#rpc.createClient(BlockIndex, {
        identity: this.#identity,
        resolve: this.#addressBook.resolver('block-index', undefined, 'rpc'),
      }),
    )
  }

  #call(): { readonly signal: AbortSignal } {
    return { signal: this.signal }
  }

  #client<Client extends { close(): void }>(name: string, make: () => Client): Client {
    const known = this.#clients.get(name)
    // Each name stands for one service, whose client is made nowhere else.
    if (known !== undefined) return known as Client
    const client = make()
    this.#clients.set(name, client)
    return client
  }
}
