/**
 * The gRPC door: `kura.v1.BlockStore` and the standard health service over HTTP/2 without TLS.
 * Written on HTTP/2 and not on grpc-js, which has a whole message in memory before anybody may
 * refuse it, decompresses what it is sent, and cannot part with a caller who does not read.
 */
import { performServerHandshake } from 'node:http2'
import { createServer, type Server } from 'node:net'
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
import { CallStarter } from './call-starter.ts'
import { GrpcConnection } from './grpc-connection.ts'
import { HealthService } from './health-over-grpc.ts'
import { ServingStatus } from './serving-status.ts'
import { watchSession } from './watch-session.ts'

const SESSION_OPTIONS = {
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
  readonly #server: Server
  readonly #frontend: FrontendContext
  readonly #connections: ReadonlySet<GrpcConnection>
  readonly #stopping: AbortController

  private constructor(parts: {
    readonly address: string
    readonly server: Server
    readonly frontend: FrontendContext
    readonly connections: ReadonlySet<GrpcConnection>
    readonly stopping: AbortController
  }) {
    this.address = parts.address
    this.#server = parts.server
    this.#frontend = parts.frontend
    this.#connections = parts.connections
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
    const connections = new Set<GrpcConnection>()
    const stopping = new AbortController()
    const health = new HealthService({ clock, serving: new ServingStatus({ clock, isReady }) })
    const answering: CallAnswering = { frontend, health, stopSignal: stopping.signal }
    const starter = new CallStarter()
    const server = createServer((socket) => {
      const session = performServerHandshake(socket, SESSION_OPTIONS)
      const connection = new GrpcConnection({ session, socket, clock })
      connections.add(connection)
      socket.once('close', () => connections.delete(connection))
      answerCalls(connection, { answering, starter })
    })
    server.maxConnections = GRPC_CONNECTIONS_MAX
    // A connection that could not be accepted, for want of descriptors, is no reason to die.
    server.on('error', (error) => {
      frontend.loggers.frontend.warn({ reason: error.message }, 'gRPC listener trouble')
    })
    const address = await listenOn(server, options.address)
    return new GrpcDoor({ address, server, frontend, connections, stopping })
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Takes no more calls, lets running ones end within the grace, then cuts them. */
  async close(options: { readonly graceMs: number }): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    this.#stopping.abort(new KuraError('shutting-down', 'the server is stopping'))
    for (const { session } of this.#connections) session.close()
    const cancelTimer = this.#frontend.clock.schedule(options.graceMs, () => {
      for (const connection of this.#connections) connection.drop()
    })
    await closed
    cancelTimer()
  }
}

function answerCalls(
  connection: GrpcConnection,
  { answering, starter }: { readonly answering: CallAnswering; readonly starter: CallStarter },
): void {
  const { session } = connection
  session.on('error', () => undefined)
  session.setLocalWindowSize(GRPC_CONNECTION_WINDOW_BYTES)
  watchSession(connection, answering.frontend.clock)
  session.on('stream', (stream, headers, _flags, rawHeaders) => {
    // A stream that breaks is closed, too, and that is where its call learns of it.
    stream.on('error', () => undefined)
    const start = (): void => {
      // A rejection is a bug and is left unhandled on purpose: it ends the process.
      void answerCall(answering, { connection, stream, headers, rawHeaders })
    }
    starter.add({ stream, start })
  })
}
