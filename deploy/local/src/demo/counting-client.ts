/**
 * The client, and what it has under way. A tree is stored through `put`, so counting there counts
 * everything; what waits for its turn is not in flight.
 */
import { KuraClient, type BlockOptions, type PutReceipt } from '@kura/client'

/** More than the 16 that must be in flight when the demo strikes. */
const PARALLELISM = 32

export class CountingClient extends KuraClient {
  readonly acknowledgedHashes = new Set<string>()
  #putsUnderWay = 0
  readonly #onChange: () => void

  constructor(options: {
    readonly server: string
    readonly pocket: string
    /** Called when a put has begun. */
    readonly onChange: () => void
  }) {
    super({ servers: [options.server], pocket: options.pocket, parallelism: PARALLELISM })
    this.#onChange = options.onChange
  }

  get putsInFlight(): number {
    return Math.min(this.#putsUnderWay, PARALLELISM)
  }

  override async put(bytes: Uint8Array, options: BlockOptions = {}): Promise<PutReceipt> {
    this.#putsUnderWay += 1
    this.#onChange()
    try {
      const receipt = await super.put(bytes, options)
      this.acknowledgedHashes.add(receipt.hash)
      return receipt
    } finally {
      this.#putsUnderWay -= 1
    }
  }
}
