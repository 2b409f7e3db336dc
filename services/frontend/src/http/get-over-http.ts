import type { BlockHash } from '@kura/core'
import type { AuditLine } from '../audit.ts'
import type { FrontendContext } from '../frontend-context.ts'
import { getBlock, statBlock } from '../handlers/index.ts'
import type { ReadBlock } from '../steps/get-call.ts'
import { blockHeaders, type HttpExchange } from './http-exchange.ts'
import { parseRange, type ByteRange } from './range.ts'

const BINARY = { 'content-type': 'application/octet-stream' }

interface Wanted {
  readonly hash: BlockHash
  readonly line: AuditLine
}

/**
 * `GET /v1/blocks/{sha256}`: verified before the first byte leaves; ranges are cut from the whole.
 */
export async function getOverHttp(
  frontend: FrontendContext,
  exchange: HttpExchange,
  wanted: Wanted,
): Promise<void> {
  if (isKnownToCaller(exchange, wanted.hash)) {
    await sendNotModified(frontend, exchange, wanted)
    return
  }
  const { hash } = wanted
  const { client, requestId, signal } = exchange
  const call = { door: 'http', client, requestId, hash, signal, verifyHash: true } as const
  const block = await getBlock(frontend, call)
  try {
    signal.throwIfAborted()
    await sendBlock(frontend, exchange, { ...wanted, block })
  } finally {
    block.slab.release()
  }
}

/** `HEAD /v1/blocks/{sha256}`: what the index says. */
export async function headOverHttp(
  frontend: FrontendContext,
  exchange: HttpExchange,
  wanted: Wanted,
): Promise<void> {
  if (isKnownToCaller(exchange, wanted.hash)) {
    await sendNotModified(frontend, exchange, wanted)
    return
  }
  const located = await statBlock(frontend, { ...exchangeCall(exchange), hash: wanted.hash })
  const headers = {
    ...blockHeaders(wanted.hash),
    ...BINARY,
    'content-length': String(located.sizeBytes),
  }
  await exchange.send({ status: 200, headers })
}

async function sendBlock(
  frontend: FrontendContext,
  exchange: HttpExchange,
  found: Wanted & { readonly block: ReadBlock },
): Promise<void> {
  const { bytes } = found.block
  const headers = { ...blockHeaders(found.hash), ...BINARY }
  const range = wantedRange(exchange, found)
  const body = range === undefined ? bytes : bytes.subarray(range.fromBytes, range.toBytes)
  found.line.sizeBytes = body.length
  if (range === undefined) await exchange.send({ status: 200, headers, body })
  else {
    const span = `${range.fromBytes}-${range.toBytes - 1}/${bytes.length}`
    const contentRange = { 'content-range': `bytes ${span}` }
    await exchange.send({ status: 206, headers: { ...headers, ...contentRange }, body })
  }
  frontend.metrics.sentBytes.of(found.line).inc(body.length)
}

function wantedRange(
  exchange: HttpExchange,
  found: Wanted & { readonly block: ReadBlock },
): ByteRange | undefined {
  const condition = exchange.header('if-range')
  if (condition !== undefined && condition !== `"${found.hash}"`) return undefined
  return parseRange(exchange.header('range'), found.block.bytes.length)
}

/** The caller has the block; it still wants to know whether the zone has it. */
async function sendNotModified(
  frontend: FrontendContext,
  exchange: HttpExchange,
  wanted: Wanted,
): Promise<void> {
  await statBlock(frontend, { ...exchangeCall(exchange), hash: wanted.hash })
  wanted.line.outcome = 'not-modified'
  await exchange.send({ status: 304, headers: blockHeaders(wanted.hash) })
}

function exchangeCall(exchange: HttpExchange) {
  return { requestId: exchange.requestId, signal: exchange.signal }
}

function isKnownToCaller(exchange: HttpExchange, hash: BlockHash): boolean {
  const header = exchange.header('if-none-match')
  if (header === undefined) return false
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes('*') || tags.includes(`"${hash}"`)
}
