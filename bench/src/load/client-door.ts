/** The client library, which verifies what it gets and repeats what may be repeated. */
import { KuraClient } from '@kura/client'
import { KuraError } from '@kura/core'
import { addressOf, type BlockDoor, type DoorClient, type PutAnswer } from './block-door.ts'
import type { LoadEndpoints } from './load.ts'

export class ClientDoor implements BlockDoor {
  readonly #client: KuraClient
  readonly #sizeBytesMax: number
  /** Made by the first get. */
  #into: Buffer | undefined

  constructor(endpoints: LoadEndpoints, { name, sizeBytesMax }: DoorClient) {
    const { pocket } = endpoints
    if (pocket === undefined) {
      throw new KuraError('invalid-argument', 'the client library needs the name of the pocket')
    }
    const servers = [addressOf(endpoints, 'block')]
    this.#client = new KuraClient({ servers, pocket, parallelism: 1, clientName: name })
    this.#sizeBytesMax = sizeBytesMax
  }

  async put(bytes: Buffer): Promise<PutAnswer> {
    return await this.#client.put(bytes)
  }

  async get(hash: string): Promise<number> {
    this.#into ??= Buffer.alloc(this.#sizeBytesMax)
    return (await this.#client.get(hash, { into: this.#into })).length
  }

  close(): void {
    this.#client.close()
  }
}
