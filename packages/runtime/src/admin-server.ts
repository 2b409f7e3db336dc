import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { toKuraError } from '@kura/core'
import { listenOn } from './address.ts'
import type { Metrics } from './metrics.ts'

/** Why a process is up but should get no work. */
export interface ReadinessReason {
  /** Stable, e.g. `recovering`. */
  readonly code: string
  /** A sentence for a person. */
  readonly message: string
}

export interface AdminServerOptions {
  /** `host:port`; loopback unless an operator says otherwise: there is no authentication here. */
  readonly address: string
  readonly metrics: Metrics
  /** No reasons: ready. */
  readonly readiness: () => readonly ReadinessReason[] | Promise<readonly ReadinessReason[]>
}

/** The port to the admin listener. Production has `AdminServer.listen`. */
export type ListenForAdmin = (options: AdminServerOptions) => Promise<AdminListener>

export interface AdminListener {
  /** `host:port` as bound. */
  readonly address: string
  close(): Promise<void>
}

const REQUEST_TIMEOUT_MS = 5_000

/** GET /healthz (up), /readyz (200, or 503 with reasons as JSON), /metrics (Prometheus text). */
export class AdminServer implements AdminListener {
  readonly address: string
  readonly #server: Server

  private constructor(server: Server, address: string) {
    this.#server = server
    this.address = address
  }

  static async listen(options: AdminServerOptions): Promise<AdminServer> {
    options.metrics.watchProcess()
    const server = createServer((request, response) => {
      answer(request, response, options).catch((error: unknown) => {
        send(response, { status: 500, type: 'text/plain', body: `${toKuraError(error).message}\n` })
      })
    })
    server.requestTimeout = REQUEST_TIMEOUT_MS
    server.headersTimeout = REQUEST_TIMEOUT_MS
    return new AdminServer(server, await listenOn(server, options.address))
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.#server.close(() => resolve(undefined))
    this.#server.closeAllConnections()
    await promise
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: AdminServerOptions,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return send(response, { status: 405, type: 'text/plain', body: 'GET only\n' })
  }
  switch (request.url?.split('?')[0]) {
    case '/healthz':
      return send(response, { status: 200, type: 'text/plain', body: 'up\n' })
    case '/readyz': {
      const reasons = await options.readiness()
      const body = `${JSON.stringify({ ready: reasons.length === 0, reasons })}\n`
      const status = reasons.length === 0 ? 200 : 503
      return send(response, { status, type: 'application/json', body })
    }
    case '/metrics': {
      const body = await options.metrics.text()
      return send(response, { status: 200, type: options.metrics.contentType, body })
    }
    default:
      return send(response, { status: 404, type: 'text/plain', body: 'no such path\n' })
  }
}

function send(
  response: ServerResponse,
  answer: { readonly status: number; readonly type: string; readonly body: string },
): void {
  if (response.headersSent) return
  response.writeHead(answer.status, {
    'content-type': answer.type,
    'content-length': Buffer.byteLength(answer.body),
  })
  response.end(answer.body)
}
