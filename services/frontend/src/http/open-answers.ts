import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** The answers that are not at their end, by connection. */
export class OpenAnswers {
  readonly #open = new WeakMap<Duplex, Set<ServerResponse>>()

  add(socket: Duplex, response: ServerResponse): void {
    const responses = this.#open.get(socket) ?? new Set()
    this.#open.set(socket, responses.add(response))
    response.once('close', () => responses.delete(response))
  }

  /** Whether a part of an answer is out on this connection and the rest is not. */
  hasBegun(socket: Duplex): boolean {
    const responses = this.#open.get(socket) ?? new Set()
    return [...responses].some(({ headersSent, closed }) => headersSent && !closed)
  }
}
