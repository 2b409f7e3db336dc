/**
 * The gRPC door: `kura.v1.BlockStore` and the standard health service over HTTP/2 without TLS.
 * Written on HTTP/2 and not on grpc-js, which has a whole message in memory before anybody may
 * refuse it, decompresses what it is sent, and cannot part with a caller who does not read.
 */
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2'
import { KuraError } from '@kura/core'
import { listenOn } from '@kura/runtime'
import type { FrontendContext } from '../frontend-context.ts'
import {
  GRPC_CANCELS_AT_ONCE_MAX,
  GRPC_CANCELS_PER_SECOND_MAX,
  GRPC_CONNECTION_WINDOW_BYTES,
  GRPC_CONNECTIONS_MAX,
  GRPC_INVALID_FRAMES_MAX,
  GRPC_SESSION_MEMORY_MIB,
  GRPC_STREAM_WINDOW_BYTES,
  GRPC_STREAMS_MAX,
  HTTP_HEADERS_BYTES_MAX,
} from '../limits.ts'
import { answerCall, type CallAnswering } from './answer-call.ts'
import { HealthService } from './health-over-grpc.ts'
import { ServingStatus } from './serving-status.ts'
import { watchSession } from './watch-session.ts'

const SERVER_OPTIONS = {
  settings: {
    maxConcurrentStreams: GRPC_STREAMS_MAX,
    initialWindowSize: GRPC_STREAM_WINDOW_BYTES,
    maxHeaderListSize: HTTP_HEADERS_BYTES_MAX,
  },
  maxSessionMemory: GRPC_SESSION_MEMORY_MIB,
  maxSessionInvalidFrames: GRPC_INVALID_FRAMES_MAX,
  streamResetBurst: GRPC_CANCELS_AT_ONCE_MAX,
  streamResetRate: GRPC_CANCELS_PER_SECOND_MAX,
}

export class GrpcDoor {
  /** `host:port` as bound. */
  readonly address: string
  readonly #server: Http2Server
  readonly #frontend: FrontendContext
  readonly #sessions: ReadonlySet<ServerHttp2Session>
  readonly #stopping: AbortController

  private constructor(parts: {
    readonly address: string
    readonly server: Http2Server
    readonly frontend: FrontendContext
    readonly sessions: ReadonlySet<ServerHttp2Session>
    readonly stopping: AbortController
  }) {
    this.address = parts.address
    this.#server = parts.server
    this.#frontend = parts.frontend
    this.#sessions = parts.sessions
    this.#stopping = parts.stopping
  }

  static async listen(options: {
    readonly address: string
    readonly frontend: FrontendContext
    /** Whether the frontend should get requests, for the health service. */
    readonly isReady: () => Promise<boolean>
  }): Promise<GrpcDoor> {
    const { frontend, isReady } = options
    const { clock } = frontend
    const server = createServer(SERVER_OPTIONS)
    server.maxConnections = GRPC_CONNECTIONS_MAX
    const sessions = new Set<ServerHttp2Session>()
    const stopping = new AbortController()
    const health = new HealthService({ clock, serving: new ServingStatus({ clock, isReady }) })
    const answering: CallAnswering = { frontend, health, stopSignal: stopping.signal }
    server.on('session', (session) => {
      sessions.add(session)
      session.once('close', () => sessions.delete(session))
      session.on('error', () => undefined)
      session.setLocalWindowSize(GRPC_CONNECTION_WINDOW_BYTES)
      watchSession(session, clock)
    })
    server.on('stream', (stream, headers, _flags, rawHeaders) => {
      // A stream that breaks is closed, too, and that is where its call learns of it.
      stream.on('error', () => undefined)
      // A rejection is a bug and is left unhandled on purpose: it ends the process.
      void answerCall(answering, { stream, headers, rawHeaders })
    })
    // A connection that could not be accepted, for want of descriptors, is no reason to die.
    server.on('error', (error) => {
      frontend.loggers.frontend.warn({ reason: error.message }, 'gRPC listener trouble')
    })
    const address = await listenOn(server, options.address)
    return new GrpcDoor({ address, server, frontend, sessions, stopping })
  }

  get connectionCount(): number {
    return this.#sessions.size
  }

  /** Takes no more calls, lets running ones end within the grace, then cuts them. */
  async close(options: { readonly graceMs: number }): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    this.#stopping.abort(new KuraError('shutting-down', 'the server is stopping'))
    for (const session of this.#sessions) session.close()
    const cancelTimer = this.#frontend.clock.schedule(options.graceMs, () => {
      for (const session of this.#sessions) session.destroy()
    })
    await closed
    cancelTimer()
  }
}
