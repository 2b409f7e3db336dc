/** The clients of a simulated zone: users of the real client library on the simulated network. */
import { KuraClient } from '@kura/client'
import { isKuraError, toKuraError } from '@kura/core'
import type { SocketNetwork } from '@kura/transport'
import type { Answer, HistoryRecorder } from '../checkers/history.ts'
import { SimulatedClock } from '../kernel/simulated-clock.ts'
import { blockOfKey } from '../plan/blocks.ts'
import type { Operation } from '../plan/plan.ts'
import type { Connection } from '../checkers/retry-rate.ts'
import type { SimulatedZone } from './simulated-zone.ts'
import { frontendAddress } from './zone-configs.ts'

/** For one operation with its retries, and for one attempt. */
const OPERATION_TIMEOUT_MS = 20_000
const ATTEMPT_TIMEOUT_MS = 6_000
/** The number of the client that reads everything at the end. */
export const READER = 0
/** Operations of one client at once. */
const PARALLELISM = 8

export class Workload {
  readonly #zone: SimulatedZone
  readonly #history: HistoryRecorder
  readonly #clients = new Map<string, KuraClient>()
  readonly #connections: Connection[] = []
  #runningCount = 0
  #nextId = 1_000_000

  constructor(zone: SimulatedZone, history: HistoryRecorder) {
    this.#zone = zone
    this.#history = history
  }

  /** Operations that wait for their answer. */
  get runningCount(): number {
    return this.#runningCount
  }

  /** In the order of time. */
  get connections(): readonly Connection[] {
    return this.#connections
  }

  /** Does the operations of the plan at their times. */
  schedule(operations: readonly Operation[]): void {
    const { kernel } = this.#zone
    for (const operation of operations) {
      kernel.schedule(kernel.world, operation.atMs - kernel.nowMs, () => this.#start(operation))
    }
  }

  /** Gets keys through one frontend, as a client that nobody else disturbs. */
  readAll(keys: readonly number[], frontend: number): void {
    for (const key of keys) {
      this.#nextId += 1
      const call = {
        id: this.#nextId,
        atMs: 0,
        client: READER,
        frontend,
        kind: 'get',
        key,
      } as const
      this.#start(call)
    }
  }

  close(): void {
    for (const client of this.#clients.values()) client.close()
  }

  #start(operation: Operation): void {
    const { kernel } = this.#zone
    this.#runningCount += 1
    const answer = this.#history.invoke(operation, kernel.nowMs)
    const end = (what: Answer): void => {
      this.#runningCount -= 1
      kernel.trace(operation.kind, `${operation.id} ${what.outcome} ${what.code ?? ''}`)
      answer(what, kernel.nowMs)
    }
    this.#ask(operation).then(end, (error: unknown) => end(describeFailure(operation, error)))
  }

  async #ask({ kind, key, client: number, frontend }: Operation): Promise<Answer> {
    const client = this.#client(number, frontend)
    const block = blockOfKey(key)
    if (kind === 'put') {
      await client.put(block.bytes)
      return { outcome: 'ok' }
    }
    if (kind === 'stat') {
      const { sizeBytes } = await client.stat(block.hash)
      return { outcome: 'ok', isRight: sizeBytes === block.bytes.length }
    }
    const bytes = await client.get(block.hash)
    return { outcome: 'ok', isRight: block.bytes.equals(bytes) }
  }

  #client(number: number, frontend: number): KuraClient {
    const name = `client-${number}-${frontend}`
    const known = this.#clients.get(name)
    if (known !== undefined) return known
    const { kernel, network, configs } = this.#zone
    const scope = kernel.newScope(name)
    const sockets = network.sockets(scope)
    const connect: SocketNetwork['connect'] = (to) => {
      this.#connections.push({ client: number, frontend, atMs: kernel.nowMs })
      return sockets.connect(to)
    }
    const client = new KuraClient({
      pocket: configs.index().pocket,
      servers: [frontendAddress(frontend)],
      parallelism: PARALLELISM,
      timeoutMs: OPERATION_TIMEOUT_MS,
      attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
      clock: new SimulatedClock({ kernel, scope }),
      random: kernel.fork(name),
      network: { ...sockets, connect },
    })
    this.#clients.set(name, client)
    return client
  }
}

function describeFailure({ kind }: Operation, error: unknown): Answer {
  if (kind !== 'put' && isKuraError(error, 'not-found')) return { outcome: 'not-found' }
  const { code } = toKuraError(error)
  return { outcome: kind === 'put' ? 'unknown' : 'failed', code }
}
