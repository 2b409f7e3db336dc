/** What the lives of a zone's processes share: a zone around them, and the blocks that it owes. */
import { KuraClient } from '@kura/client'
import { isKuraError, type BlockHash, type MemberKind } from '@kura/core'
import type { LocalService } from '@kura/local'
import { expect } from 'vitest'
import { hashOf, makeBlock } from '../blocks.ts'
import { startScenarioZone, type ScenarioZone } from '../scenario-zone.ts'

const ZONE = {
  nodes: 4,
  bucketSizeBytes: 16 * 1024 * 1024,
  restarts: false,
  // What a node has to say is heard at once.
  environment: { 'storage-node': { KURA_STORAGE_NODE_HEARTBEAT_MS: '100' } },
}
const STARTS_MAX = 3
const SIZES_BYTES = [3_000, 70_000, 4_096, 30_000, 1_000]
const READERS = 8
const TIMEOUT_MS = 15_000

export class ZoneLife {
  readonly #scenario: ScenarioZone
  readonly #client: KuraClient
  readonly #acknowledged = new Set<BlockHash>()
  #serial = 0

  private constructor(scenario: ScenarioZone) {
    this.#scenario = scenario
    const { block, pocket } = scenario.zone.endpoints
    this.#client = new KuraClient({ servers: [block], pocket, timeoutMs: TIMEOUT_MS })
  }

  /** Whoever dies stays dead: the tests start it again. */
  static async start(): Promise<ZoneLife> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return new ZoneLife(await startScenarioZone(ZONE))
      } catch (error) {
        // Another zone on this machine may take a free port first.
        if (!isKuraError(error, 'unavailable') || attempt === STARTS_MAX) throw error
      }
    }
  }

  get coordinationDir(): string {
    return `${this.#scenario.zone.dataDir}/coordination`
  }

  service(kind: MemberKind): LocalService {
    const [service] = this.#scenario.zone.services.filter((each) => each.kind === kind)
    if (service === undefined) throw new Error(`the zone has no ${kind}`)
    return service
  }

  /** Every acknowledged block is there, with its bytes. */
  async check(): Promise<void> {
    const hashes = [...this.#acknowledged]
    const readInTurn = async (): Promise<void> => {
      for (let hash = hashes.pop(); hash !== undefined; hash = hashes.pop()) {
        expect(hashOf(await this.#client.get(hash)), 'an acknowledged block').toBe(hash)
      }
    }
    await Promise.all(Array.from({ length: READERS }, readInTurn))
  }

  /** As many puts at once. Throws where one is not acknowledged. */
  async put(count: number, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const puts = Array.from({ length: count }, async () => {
      this.#serial += 1
      const sizeBytes = SIZES_BYTES[this.#serial % SIZES_BYTES.length] ?? 1
      const block = makeBlock(`block ${this.#serial}`, sizeBytes)
      const receipt = await this.#client.put(block.bytes, options)
      expect(receipt.hash).toBe(block.hash)
      this.#acknowledged.add(block.hash)
    })
    await Promise.all(puts)
  }

  async end(): Promise<void> {
    await this.#client.close()
    await this.#scenario[Symbol.asyncDispose]()
  }
}
