/** The client library, which verifies what it gets and repeats what may be repeated. */
import { KuraClient, systemClock } from '@kura/client'
import { KuraError } from '@kura/core'
import { addressOf, type DoorClient, type OpenDoor, type PutAnswer } from './block-door.ts'
import type { LoadEndpoints } from './load.ts'

export class ClientDoor implements OpenDoor {
  readonly #client: KuraClient
  readonly #sizeBytesMax: number
  #retries = 0
  /** Made by the first get. */
  #into: Buffer | undefined

  constructor(endpoints: LoadEndpoints, { name, sizeBytesMax }: DoorClient) {
    const { pocket } = endpoints
    if (pocket === undefined) {
      throw new KuraError('invalid-argument', 'the client library needs the name of the pocket')
    }
    const servers = [addressOf(endpoints, 'block')]
    // It sleeps for one reason: before it asks again.
    const sleep: typeof systemClock.sleep = async (delayMs, options) => {
      this.#retries += 1
      await systemClock.sleep(delayMs, options)
    }
    const clock = { ...systemClock, sleep }
    this.#client = new KuraClient({ servers, pocket, parallelism: 1, clientName: name, clock })
    this.#sizeBytesMax = sizeBytesMax
  }

  get retries(): number {
    return this.#retries
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
