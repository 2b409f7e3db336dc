/** `grpc.health.v1.Health`, for load balancers and orchestrators. */
import { create, toBinary } from '@bufbuild/protobuf'
import { KuraError, type Clock } from '@kura/core'
import {
  BlockStore,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus as Status,
  HealthCheckResponseSchema,
} from '@kura/proto'
import {
  GRPC_HEALTH_PERIOD_MS,
  GRPC_WATCHES_MAX,
  GRPC_WATCHES_PER_CONNECTION_MAX,
} from '../limits.ts'
import type { GrpcExchange } from './grpc-exchange.ts'
import type { ServingStatus } from './serving-status.ts'

/** The whole server, and the one service that it is for. */
const KNOWN_NAMES: readonly string[] = ['', BlockStore.typeName]

export class HealthService {
  readonly #serving: ServingStatus
  readonly #clock: Clock
  readonly #watches = new WatchCounts()

  constructor(options: { readonly serving: ServingStatus; readonly clock: Clock }) {
    this.#serving = options.serving
    this.#clock = options.clock
  }

  async check(exchange: GrpcExchange): Promise<void> {
    const { service } = await exchange.readMessage(HealthCheckRequestSchema)
    if (!KNOWN_NAMES.includes(service)) {
      throw new KuraError('path-unknown', 'there is no service of this name')
    }
    await exchange.sendMessage(encodeStatus(await this.#status()))
  }

  /** Ends with the signal's reason only. Throws `rate-limited` and `overloaded`. */
  async watch(exchange: GrpcExchange): Promise<void> {
    const { service } = await exchange.readMessage(HealthCheckRequestSchema)
    const isKnown = KNOWN_NAMES.includes(service)
    this.#watches.add(exchange.connection)
    try {
      let told: Status | undefined
      for (;;) {
        const status = isKnown ? await this.#status() : Status.SERVICE_UNKNOWN
        exchange.signal.throwIfAborted()
        if (status !== told) await exchange.sendMessage(encodeStatus(status))
        told = status
        await this.#clock.sleep(GRPC_HEALTH_PERIOD_MS, { signal: exchange.signal })
      }
    } finally {
      this.#watches.remove(exchange.connection)
    }
  }

  async #status(): Promise<Status> {
    return (await this.#serving.isServing()) ? Status.SERVING : Status.NOT_SERVING
  }
}

/** How many watch: in all, and by connection, so that one cannot take every place. */
class WatchCounts {
  readonly #ofConnection = new Map<object, number>()
  #total = 0

  add(connection: object): void {
    const own = this.#ofConnection.get(connection) ?? 0
    if (own >= GRPC_WATCHES_PER_CONNECTION_MAX) {
      throw new KuraError('rate-limited', 'this connection watches the health often enough')
    }
    if (this.#total >= GRPC_WATCHES_MAX) {
      throw new KuraError('overloaded', 'too many callers watch the health of this server')
    }
    this.#ofConnection.set(connection, own + 1)
    this.#total += 1
  }

  remove(connection: object): void {
    const own = this.#ofConnection.get(connection) ?? 0
    if (own > 1) this.#ofConnection.set(connection, own - 1)
    else this.#ofConnection.delete(connection)
    this.#total -= 1
  }
}

function encodeStatus(status: Status): Uint8Array {
  return toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status }))
}
