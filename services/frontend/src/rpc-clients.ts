/** The control-plane clients of a frontend; those of volume managers are made when first needed. */
import type { AddressBook } from '@kura/coordination'
import type { CellId } from '@kura/core'
import { BlockIndex, VolumeManager, ZoneMaster } from '@kura/proto'
import type { ProcessIdentity, RpcClientOf, RpcNetwork } from '@kura/rpc'

export class RpcClients {
  readonly index: RpcClientOf<typeof BlockIndex>
  readonly zoneMaster: RpcClientOf<typeof ZoneMaster>
  readonly #identity: ProcessIdentity
  readonly #rpc: RpcNetwork
  readonly #book: AddressBook
  readonly #volumeManagers = new Map<CellId, RpcClientOf<typeof VolumeManager>>()

  constructor(options: {
    readonly identity: ProcessIdentity
    readonly rpc: RpcNetwork
    readonly book: AddressBook
  }) {
    const { identity, rpc, book } = options
    this.#identity = identity
    this.#rpc = rpc
    this.#book = book
    this.index = rpc.createClient(BlockIndex, {
      identity,
      resolve: book.resolver('block-index', undefined, 'rpc'),
    })
    this.zoneMaster = rpc.createClient(ZoneMaster, {
      identity,
      resolve: book.resolver('zone-master', undefined, 'rpc'),
    })
  }

  volumeManagerOf(cellId: CellId): RpcClientOf<typeof VolumeManager> {
    const known = this.#volumeManagers.get(cellId)
    if (known !== undefined) return known
    const client = this.#rpc.createClient(VolumeManager, {
      identity: this.#identity,
      resolve: this.#book.resolver('volume-manager', `${cellId}-*`, 'rpc'),
    })
    this.#volumeManagers.set(cellId, client)
    return client
  }

  close(): void {
    this.index.close()
    this.zoneMaster.close()
    for (const client of this.#volumeManagers.values()) client.close()
  }
}
