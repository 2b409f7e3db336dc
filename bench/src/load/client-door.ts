/**
 * The client library, which verifies what it gets and repeats what may be repeated: one client of
 * it for all callers of a process, as applications have it, and as the peers have theirs.
 */
import { KuraClient, systemClock } from '@kura/client'
import { KuraError } from '@kura/core'
import { addressOf, type Caller, type PutAnswer } from './block-door.ts'
import type { LoadEndpoints } from './load.ts'

export class SharedClient {
  readonly #client: KuraClient
  #retries = 0

  constructor(
    endpoints: LoadEndpoints,
    { name, callers }: { readonly name: string; readonly callers: number },
  ) {
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
    this.#client = new KuraClient({
      servers,
      pocket,
      parallelism: callers,
      clientName: name,
      clock,
    })
  }

  get retries(): number {
    return this.#retries
  }

  /** The door of one caller, with memory of its own to read into. */
  door(sizeBytesMax: number): Caller {
    let into: Buffer | undefined
    return {
      put: async (bytes): Promise<PutAnswer> => await this.#client.put(bytes),
      get: async (hash) => {
        into ??= Buffer.alloc(sizeBytesMax)
        return (await this.#client.get(hash, { into })).length
      },
    }
  }

  close(): void {
    this.#client.close()
  }
}
