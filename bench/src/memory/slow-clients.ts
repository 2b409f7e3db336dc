/**
 * Clients that send 1 KiB a second: blocks over HTTP, blocks over the block transport, and headers
 * that never end. Who is cut off for it comes back and goes on.
 */
import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { isKuraError } from '@kura/core'
import { systemClock } from '@kura/client'
import { BlockClient } from '@kura/transport'
import type { PreparedLoad } from '../load/serve-orders.ts'
import { BLOCK_SIZE_BYTES, type MemoryOrders, type WorkerFindings } from './memory-load.ts'

const PIECE_BYTES = 1024
const PIECE_INTERVAL_MS = 1_000
/** Also a frontend that answers at once does not make a busy loop of this. */
const COME_BACK_MS = 200
const PUT_TIMEOUT_MS = 60_000

type Refusals = Record<string, number>

interface Trickling {
  readonly orders: MemoryOrders
  readonly clientName: string
  /** The client ends when it aborts. */
  readonly signal: AbortSignal
}

/** One connection until it is over; what became of it. */
type Trickle = (trickling: Trickling) => Promise<string>

/** In turn: two of five send a body over HTTP, two over the block transport, one sends headers. */
const KINDS: readonly Trickle[] = [
  trickleHttpBody,
  trickleBlock,
  trickleHeaders,
  trickleHttpBody,
  trickleBlock,
]

export function prepareSlowClients(orders: MemoryOrders): PreparedLoad<WorkerFindings> {
  return {
    warmUp: () => Promise.resolve(),
    async measure() {
      const refusals: Refusals = {}
      const end = new AbortController()
      const clients = Array.from({ length: orders.clients }, async (_, index) => {
        const trickle = KINDS[index % KINDS.length] ?? trickleHttpBody
        const clientName = `${orders.workerName}-${index}`
        while (!end.signal.aborted) {
          const outcome = await trickle({ orders, clientName, signal: end.signal })
          refusals[outcome] = (refusals[outcome] ?? 0) + 1
          await sleep(COME_BACK_MS)
        }
      })
      await sleep(orders.seconds * 1000)
      end.abort()
      await Promise.all(clients)
      return { putCount: 0, gotCount: 0, repeatedCount: 0, refusals }
    },
    close() {
      // Every client has closed its connection.
    },
  }
}

async function trickleHttpBody({ orders, clientName, signal }: Trickling): Promise<string> {
  const hash = createHash('sha256').update(clientName).digest('hex')
  const head =
    `PUT /v1/blocks/${hash} HTTP/1.1\r\nhost: kura\r\nx-kura-client: ${clientName}\r\n` +
    `content-length: ${BLOCK_SIZE_BYTES}\r\n\r\n`
  const nextPiece = (): Buffer => randomBytes(PIECE_BYTES)
  return await trickleSocket(orders.endpoints.http, { head, nextPiece, signal })
}

async function trickleHeaders({ orders, signal }: Trickling): Promise<string> {
  let count = 0
  const nextPiece = (): string => {
    count += 1
    return `x-slow-${count}: ${'s'.repeat(PIECE_BYTES - 20)}\r\n`
  }
  const head = 'GET /v1/blocks HTTP/1.1\r\nhost: kura\r\n'
  return await trickleSocket(orders.endpoints.http, { head, nextPiece, signal })
}

async function trickleSocket(
  address: string,
  what: {
    readonly head: string
    readonly nextPiece: () => Buffer | string
    readonly signal: AbortSignal
  },
): Promise<string> {
  const [host = '', port = ''] = address.split(':')
  const socket = connect(Number(port), host)
  let answer = ''
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => undefined)
  socket.on('data', (piece) => (answer ||= piece.toString('latin1').slice(0, 12)))
  socket.write(what.head)
  const timer = setInterval(() => socket.write(what.nextPiece()), PIECE_INTERVAL_MS)
  const onAbort = (): void => void socket.destroy()
  what.signal.addEventListener('abort', onAbort, { once: true })
  await closed
  clearInterval(timer)
  what.signal.removeEventListener('abort', onAbort)
  if (what.signal.aborted) return 'still sending'
  return answer === '' ? 'closed' : answer
}

async function trickleBlock({ orders, clientName, signal }: Trickling): Promise<string> {
  const { pocket, block } = orders.endpoints
  const hello = { pocket, zone: '', role: 'client', clientName } as const
  const client = new BlockClient({ hello, clock: systemClock })
  try {
    const value = { sizeBytes: BLOCK_SIZE_BYTES, expectContinue: false }
    const request = { operation: { case: 'putBlock' as const, value } }
    const options = { sizeBytes: BLOCK_SIZE_BYTES, timeoutMs: PUT_TIMEOUT_MS, signal }
    const put = await client.openPut(block, request, options)
    while (put.failure === undefined && !signal.aborted) {
      await put.write(randomBytes(PIECE_BYTES))
      await sleep(PIECE_INTERVAL_MS)
    }
    return signal.aborted ? 'still sending' : (put.failure?.code ?? 'closed')
  } catch (error) {
    if (!isKuraError(error)) throw error
    return signal.aborted ? 'still sending' : error.code
  } finally {
    client.close()
  }
}
