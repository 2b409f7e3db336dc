/**
 * A client of the HTTP door that keeps a number of puts under way, and counts how each ended. Under
 * the name it gives itself, so that several on one machine compete as several.
 */
import { randomBytes } from 'node:crypto'
import { Agent, request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const HEAD_BYTES = 16
/** Ruder than the second that it is asked to wait. */
const COME_BACK_MS = 100

export interface HttpLoadOptions {
  readonly address: string
  readonly name: string
  readonly sizeBytes: number
}

/** How many puts ended with each status. */
export type LoadCounts = Readonly<Record<string, number>>

function storedOf(counts: LoadCounts): number {
  return counts['201'] ?? 0
}

/** What one client stored, over all slices; each has the counts of every client. */
export function storedBy(client: number, slices: readonly (readonly LoadCounts[])[]): number {
  return slices.reduce((sum, counts) => sum + storedOf(counts[client] ?? {}), 0)
}

export class HttpLoad {
  readonly #url: string
  readonly #name: string
  readonly #tail: Buffer
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity })
  readonly #workers: { readonly stop: AbortController; readonly ended: Promise<void> }[] = []
  readonly #counts: Record<string, number> = {}

  constructor(options: HttpLoadOptions) {
    this.#url = `http://${options.address}/v1/blocks`
    this.#name = options.name
    this.#tail = randomBytes(options.sizeBytes - HEAD_BYTES)
  }

  get counts(): LoadCounts {
    return { ...this.#counts }
  }

  /** From now on so many puts are under way; resolves when those that are too many have ended. */
  async keep(count: number): Promise<void> {
    while (this.#workers.length < count) {
      const stop = new AbortController()
      this.#workers.push({ stop, ended: this.#putUntil(stop.signal) })
    }
    const superfluous = this.#workers.splice(count)
    for (const { stop } of superfluous) stop.abort()
    await Promise.all(superfluous.map(({ ended }) => ended))
    if (count === 0) this.#agent.destroy()
  }

  async #putUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const status = await this.#putOne()
      this.#counts[status] = (this.#counts[status] ?? 0) + 1
      if (status !== 201) await sleep(COME_BACK_MS)
    }
  }

  /** The status; 0 where the answer broke off. */
  async #putOne(): Promise<number> {
    const headers = {
      'content-length': HEAD_BYTES + this.#tail.length,
      'x-kura-client': this.#name,
    }
    return await new Promise((resolve, reject) => {
      const options = { method: 'POST', headers, agent: this.#agent }
      const sent = httpRequest(this.#url, options, (response) => {
        response.resume().once('end', () => resolve(response.statusCode ?? 0))
        response.once('error', () => resolve(0))
      })
      sent.once('error', reject)
      sent.write(randomBytes(HEAD_BYTES))
      sent.end(this.#tail)
    })
  }
}
