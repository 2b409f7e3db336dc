/** One call of the gRPC door: which method it is for, and how it ends, whatever happens. */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { AssertionError, KuraError, toKuraError } from '@kura/core'
import { BlockStore, Health } from '@kura/proto'
import { audited, type AuditLine } from '../audit.ts'
import type { FrontendContext } from '../frontend-context.ts'
import { HTTP_HEADERS_BYTES_MAX, HTTP_HEADERS_COUNT_MAX } from '../limits.ts'
import { getOverGrpc, statOverGrpc } from './get-over-grpc.ts'
import type { GrpcConnection } from './grpc-connection.ts'
import { GrpcExchange } from './grpc-exchange.ts'
import type { HealthService } from './health-over-grpc.ts'
import { putOverGrpc } from './put-over-grpc.ts'

/** What HTTP/2 counts for a field beside its name and value. */
const FIELD_BYTES = 32
const CONTENT_TYPE_PATTERN = /^application\/grpc(\+proto)?(;|$)/

export interface CallAnswering {
  readonly frontend: FrontendContext
  readonly health: HealthService
  /** Aborts when the process stops. */
  readonly stopSignal: AbortSignal
}

interface Method {
  readonly operation: string
  /** Streams that watch have no end of their own: they end when the process stops. */
  readonly isWatch: boolean
  /** Probes come all the time and tell nothing; as on the admin listener they leave no line. */
  readonly isProbe: boolean
  readonly run: (answering: CallAnswering, exchange: GrpcExchange, line: AuditLine) => Promise<void>
}

const METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  [pathOf(BlockStore, 'Put'), blockMethod('putBlock', putOverGrpc)],
  [pathOf(BlockStore, 'Get'), blockMethod('getBlock', getOverGrpc)],
  [pathOf(BlockStore, 'Stat'), blockMethod('statBlock', statOverGrpc)],
  [
    pathOf(Health, 'Check'),
    {
      operation: 'checkHealth',
      isWatch: false,
      isProbe: true,
      run: async ({ health }, exchange) => await health.check(exchange),
    },
  ],
  [
    pathOf(Health, 'Watch'),
    {
      operation: 'watchHealth',
      isWatch: true,
      isProbe: true,
      run: async ({ health }, exchange) => await health.watch(exchange),
    },
  ],
])

function pathOf(service: { readonly typeName: string }, method: string): string {
  return `/${service.typeName}/${method}`
}

function blockMethod(
  operation: string,
  run: (frontend: FrontendContext, exchange: GrpcExchange, line: AuditLine) => Promise<void>,
): Method {
  return {
    operation,
    isWatch: false,
    isProbe: false,
    run: async ({ frontend }, exchange, line) => await run(frontend, exchange, line),
  }
}

export async function answerCall(
  answering: CallAnswering,
  call: {
    readonly connection: GrpcConnection
    readonly stream: ServerHttp2Stream
    readonly headers: IncomingHttpHeaders
    /** Names and values by turns, as they came. */
    readonly rawHeaders: readonly string[]
  },
): Promise<void> {
  const { frontend, stopSignal } = answering
  const { clock, random } = frontend
  const { connection, stream, headers, rawHeaders } = call
  if (!CONTENT_TYPE_PATTERN.test(headers['content-type'] ?? '') || headers[':method'] !== 'POST') {
    stream.respond({ ':status': 415 }, { endStream: true })
    stream.close()
    return
  }
  const method = METHODS.get(headers[':path'] ?? '')
  const exchange = new GrpcExchange({
    connection,
    stream,
    headers,
    clock,
    newRequestId: () => random.bytes(8).toString('hex'),
    stopSignal: method?.isWatch === true ? stopSignal : undefined,
  })
  const line: AuditLine = {
    door: 'grpc',
    operation: method?.operation ?? 'none',
    requestId: exchange.requestId,
    outcome: 'ok',
  }
  try {
    const run = async (): Promise<void> => {
      refuseLargeHeaders(rawHeaders)
      if (method === undefined) throw new KuraError('unimplemented', 'there is no such method')
      exchange.startDeadline({ isEndless: method.isWatch })
      await method.run(answering, exchange, line)
      await exchange.end()
    }
    if (method?.isProbe === true) await run()
    else await audited(frontend, line, run)
  } catch (error) {
    if (error instanceof AssertionError) throw error
    await exchange.fail(toKuraError(error))
  }
}

/**
 * The library keeps callers to the limit that it tells them only once they have acknowledged it,
 * and its own limit of fields is wider.
 */
function refuseLargeHeaders(rawHeaders: readonly string[]): void {
  const sizeBytes = rawHeaders.reduce((sum, text) => sum + text.length + FIELD_BYTES / 2, 0)
  const count = rawHeaders.length / 2
  if (sizeBytes <= HTTP_HEADERS_BYTES_MAX && count <= HTTP_HEADERS_COUNT_MAX) return
  throw new KuraError('headers-too-large', 'a call has fewer and shorter headers', {
    details: { sizeBytes, count },
  })
}
