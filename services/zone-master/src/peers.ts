/** Clients of the processes that the zone master asks, made when first needed. */
import type { CellId, OsdId } from '@kura/core'
import type { AddressBook } from '@kura/coordination'
import { BlockIndex, StorageNode, VolumeManager } from '@kura/proto'
import type { ProcessIdentity, RpcClientOf, RpcNetwork } from '@kura/rpc'

export class Peers {
  readonly #identity: ProcessIdentity
  readonly #rpc: RpcNetwork
  readonly #addressBook: AddressBook
  readonly #volumeManagers = new Map<CellId, RpcClientOf<typeof VolumeManager>>()
  #blockIndex: RpcClientOf<typeof BlockIndex> | undefined

  constructor(options: {
    readonly identity: ProcessIdentity
    readonly rpc: RpcNetwork
    readonly addressBook: AddressBook
  }) {
    this.#identity = options.identity
    this.#rpc = options.rpc
    this.#addressBook = options.addressBook
  }

  blockIndex(): RpcClientOf<typeof BlockIndex> {
    this.#blockIndex ??= this.#rpc.createClient(BlockIndex, {
      identity: this.#identity,
      resolve: this.#addressBook.resolver('block-index', undefined, 'rpc'),
    })
    return this.#blockIndex
  }

  /** Any instance of the cell: each answers from the table. */
  volumeManager(cellId: CellId): RpcClientOf<typeof VolumeManager> {
    const known = this.#volumeManagers.get(cellId)
    if (known !== undefined) return known
    const client = this.#rpc.createClient(VolumeManager, {
      identity: this.#identity,
      resolve: this.#addressBook.resolver('volume-manager', `${cellId}-*`, 'rpc'),
    })
    this.#volumeManagers.set(cellId, client)
    return client
  }

  /** Rarely needed: the caller closes it. */
  openStorageNode(node: {
    readonly cellId: CellId
    readonly osdId: OsdId
  }): RpcClientOf<typeof StorageNode> {
    return this.#rpc.createClient(StorageNode, {
      identity: this.#identity,
      resolve: this.#addressBook.resolver('storage-node', `${node.cellId}-${node.osdId}`, 'rpc'),
    })
  }

  close(): void {
    this.#blockIndex?.close()
    for (const client of this.#volumeManagers.values()) client.close()
  }
}
