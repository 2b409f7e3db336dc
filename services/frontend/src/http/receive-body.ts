/** The body of an upload: its length known and checked before the first byte is read. */
import { crc32 } from 'node:zlib'
import { BLOCK_SIZE_BYTES_MAX, KuraError, type Clock } from '@kura/core'
import { HTTP_RATE_WINDOW_BYTES_MIN, HTTP_RATE_WINDOW_MS } from '../limits.ts'
import { freePiece } from './free-piece.ts'
import type { HttpExchange } from './http-exchange.ts'

const LENGTH_PATTERN = /^\d{1,15}$/

/** The announced size. Throws `length-required`, `block-empty`, `block-too-large`. */
export function parseBodySize(exchange: HttpExchange): number {
  const text = exchange.header('content-length')
  if (exchange.header('transfer-encoding') !== undefined || text === undefined) {
    throw new KuraError('length-required', 'an upload needs Content-Length', {
      hint: 'chunked uploads are not taken: a block has at most 4 MiB, send its length',
    })
  }
  if (!LENGTH_PATTERN.test(text)) throw new KuraError('invalid-argument', 'not a Content-Length')
  const sizeBytes = Number(text)
  if (sizeBytes === 0) throw new KuraError('block-empty', 'a block has at least one byte')
  if (sizeBytes <= BLOCK_SIZE_BYTES_MAX) return sizeBytes
  throw new KuraError('block-too-large', 'a block has at most 4 MiB', { details: { sizeBytes } })
}

interface BodyTarget {
  readonly target: Uint8Array
  readonly onPiece: (piece: Uint8Array) => void
  readonly clock: Clock
}

/**
 * Copies the body into the target; `onPiece` sees each piece as a view of it. Answers the CRC-32.
 * Throws `body-incomplete`, `body-too-slow` and the signal's reason; then the target is not
 * written any more.
 */
export async function receiveBody(
  exchange: HttpExchange,
  body: BodyTarget,
): Promise<{ readonly crc: number }> {
  const { request, signal } = exchange
  const receiving = new Receiving(body)
  const onAbort = (): void => receiving.fail(signal.reason)
  const onEnd = (): void => {
    receiving.fail(new KuraError('body-incomplete', 'the body ended before its length'))
  }
  const onData = (chunk: Buffer): void => {
    receiving.take(chunk)
    freePiece(chunk)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  request.on('data', onData).once('end', onEnd).once('error', onEnd)
  if (signal.aborted) onAbort()
  exchange.continueBody()
  try {
    return await receiving.done
  } finally {
    signal.removeEventListener('abort', onAbort)
    request.off('data', onData).off('end', onEnd).off('error', onEnd)
    request.on('error', () => undefined)
  }
}

class Receiving {
  readonly done: Promise<{ readonly crc: number }>
  readonly #body: BodyTarget
  readonly #resolve: (result: { readonly crc: number }) => void
  readonly #reject: (reason: unknown) => void
  #cancelTimer: () => void = () => undefined
  #receivedBytes = 0
  #crc = 0
  #isOver = false

  constructor(body: BodyTarget) {
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly crc: number }>()
    this.done = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#body = body
    this.#watchRate()
  }

  take(chunk: Buffer): void {
    const { target, onPiece } = this.#body
    if (this.#isOver) return
    const fromBytes = this.#receivedBytes
    this.#receivedBytes += chunk.length
    if (this.#receivedBytes > target.length) {
      this.fail(new KuraError('invalid-argument', 'the body is longer than announced'))
      return
    }
    target.set(chunk, fromBytes)
    const piece = target.subarray(fromBytes, this.#receivedBytes)
    this.#crc = crc32(piece, this.#crc)
    onPiece(piece)
    if (this.#receivedBytes < target.length) return
    this.#finish()
    this.#resolve({ crc: this.#crc })
  }

  fail(reason: unknown): void {
    if (this.#isOver) return
    this.#finish()
    this.#reject(reason)
  }

  #finish(): void {
    this.#isOver = true
    this.#cancelTimer()
  }

  #watchRate(): void {
    const fromBytes = this.#receivedBytes
    this.#cancelTimer = this.#body.clock.schedule(HTTP_RATE_WINDOW_MS, () => {
      const windowBytes = this.#receivedBytes - fromBytes
      if (windowBytes >= HTTP_RATE_WINDOW_BYTES_MIN) this.#watchRate()
      else this.fail(new KuraError('body-too-slow', 'the body came too slowly'))
    })
  }
}
