/** The gRPC door, `kura.v1.BlockStore`, by grpc-js: one channel, and so one connection. */
import { hash as hashAtOnce } from 'node:crypto'
import { parsePocketId, parseZoneId } from '@kura/core'
import { BlockStore } from '@kura/proto'
import { createRpcClient, type RpcClientOf } from '@kura/rpc'
import {
  addressOf,
  checkHash,
  type BlockDoor,
  type DoorClient,
  type PutAnswer,
} from './block-door.ts'
import type { LoadEndpoints } from './load.ts'

const TIMEOUT_MS = 60_000

export class GrpcDoor implements BlockDoor {
  readonly #store: RpcClientOf<typeof BlockStore>

  constructor(endpoints: LoadEndpoints, { name }: DoorClient) {
    const address = addressOf(endpoints, 'grpc')
    // The door asks nobody for an identity; it is what our clients of gRPC send.
    const identity = {
      pocket: parsePocketId(endpoints.pocket ?? 'any'),
      zone: parseZoneId('any'),
      kind: 'cli',
      id: name,
    } as const
    this.#store = createRpcClient(BlockStore, {
      identity,
      resolve: async () => await Promise.resolve(address),
    })
  }

  async put(bytes: Buffer): Promise<PutAnswer> {
    const hash = hashAtOnce('sha256', bytes, 'buffer')
    const receipt = await this.#store.put({ hash, block: bytes }, { timeoutMs: TIMEOUT_MS })
    const hex = hash.toString('hex')
    checkHash(hex, Buffer.from(receipt.hash).toString('hex'))
    return { hash: hex, newlyStored: receipt.newlyStored }
  }

  async get(hash: string): Promise<number> {
    const request = { hash: Buffer.from(hash, 'hex') }
    const { block } = await this.#store.get(request, { timeoutMs: TIMEOUT_MS })
    checkHash(hash, hashAtOnce('sha256', block, 'hex'))
    return block.length
  }

  close(): void {
    this.#store.close()
  }
}
