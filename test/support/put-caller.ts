/**
 * A caller for programs that watch admission: one put of new bytes through a door, and how it
 * ended. It sends everything at once, as callers do that expect no refusal; nothing is repeated.
 */
import { randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { connect, type ClientHttp2Stream } from 'node:http2'
import { crc32 } from 'node:zlib'
import { isKuraError } from '@kura/core'
import { SystemClock } from '@kura/runtime'
import { BlockClient } from '@kura/transport'

export const DOORS = ['http', 'grpc', 'block'] as const
export type Door = (typeof DOORS)[number]

export interface DoorAddresses {
  readonly pocket: string
  readonly http: string
  readonly grpc: string
  readonly block: string
}

export interface PutEnd {
  readonly door: Door
  readonly requestId: string
  /** `stored`, or the code of the error. */
  readonly end: string
  /** Of HTTP or of gRPC; the block transport has codes alone. */
  readonly status?: number
  /** When the server wants to be asked again, where the protocol has a place for it. */
  readonly comeBackMs?: number
  /** From the first byte sent to the answer. */
  readonly durationMs: number
}

type Ending = Omit<PutEnd, 'door' | 'requestId'>

const HEAD_BYTES = 16
/** Of the library's own: a put in memory is more than it allows. */
const SESSION_MIB = 64
const EXCHANGE_TIMEOUT_MS = 30_000
const CONNECTIONS_MAX = 100
/** Field 2 of a PutRequest: bytes with a length. */
const BLOCK_TAG = 0x12
const never = new AbortController().signal

export class PutCaller {
  readonly #addresses: DoorAddresses
  readonly #blocks: BlockClient
  /** The same for all puts; each has a head of its own. */
  readonly #tail: Buffer

  constructor(addresses: DoorAddresses, options: { readonly sizeBytes: number }) {
    this.#addresses = addresses
    this.#tail = randomBytes(options.sizeBytes - HEAD_BYTES)
    this.#blocks = new BlockClient({
      hello: { pocket: addresses.pocket, zone: '', role: 'client' },
      clock: new SystemClock(),
      connectionsPerAddressMax: CONNECTIONS_MAX,
    })
  }

  async put(door: Door, requestId: string): Promise<PutEnd> {
    // What is stored already would be answered without its body.
    const pieces = [randomBytes(HEAD_BYTES), this.#tail] as const
    const sizeBytes = HEAD_BYTES + this.#tail.length
    return { door, requestId, ...(await this.#putThrough(door, { pieces, sizeBytes, requestId })) }
  }

  close(): void {
    this.#blocks.close()
  }

  async #putThrough(door: Door, put: Put): Promise<Ending> {
    switch (door) {
      case 'http':
        return await this.#putOverHttp(put)
      case 'grpc':
        return await this.#putOverGrpc(put)
      case 'block':
        return await this.#putOverBlocks(put)
    }
  }

  async #putOverHttp({ pieces, sizeBytes, requestId }: Put): Promise<Ending> {
    const headers = { 'content-length': sizeBytes, 'x-request-id': requestId }
    const url = `http://${this.#addresses.http}/v1/blocks`
    const startedAtMs = performance.now()
    return await new Promise((resolve, reject) => {
      const sent = httpRequest(url, { method: 'POST', headers, agent: false })
      sent.on('error', reject).on('response', (response) => {
        const durationMs = performance.now() - startedAtMs
        const { statusCode: status = 0 } = response
        const comeBackMs = Number(response.headers['retry-after']) * 1000
        const answer: Buffer[] = []
        response.on('data', (piece: Buffer) => answer.push(piece)).on('error', reject)
        response.on('end', () => {
          const { code } = JSON.parse(Buffer.concat(answer).toString()) as { code?: string }
          resolve({ end: code ?? 'stored', status, comeBackMs, durationMs })
        })
      })
      for (const piece of pieces) sent.write(piece)
      sent.end()
    })
  }

  async #putOverGrpc({ pieces, sizeBytes, requestId }: Put): Promise<Ending> {
    const session = connect(`http://${this.#addresses.grpc}`, { maxSessionMemory: SESSION_MIB })
    const startedAtMs = performance.now()
    const stream = session.request({
      ':method': 'POST',
      ':path': '/kura.v1.BlockStore/Put',
      'content-type': 'application/grpc',
      'kura-request-id': requestId,
    })
    for (const piece of [headOfPutRequest(sizeBytes), ...pieces]) stream.write(piece)
    stream.end()
    try {
      return await endingOf(stream, startedAtMs)
    } finally {
      session.destroy()
    }
  }

  async #putOverBlocks({ pieces, sizeBytes, requestId }: Put): Promise<Ending> {
    const value = { sizeBytes, expectContinue: false }
    const request = { requestId, operation: { case: 'putBlock' as const, value } }
    const limits = { sizeBytes, timeoutMs: EXCHANGE_TIMEOUT_MS, signal: never }
    const crc = pieces.reduce((sum, piece) => crc32(piece, sum), 0)
    const startedAtMs = performance.now()
    const outgoing = await this.#blocks.openPut(this.#addresses.block, request, limits)
    try {
      for (const piece of pieces) await outgoing.write(piece)
      await outgoing.commit({ crc, hash: undefined })
      return { end: 'stored', durationMs: performance.now() - startedAtMs }
    } catch (error) {
      if (!isKuraError(error)) throw error
      return { end: error.code, durationMs: performance.now() - startedAtMs }
    } finally {
      outgoing.abort()
    }
  }
}

interface Put {
  readonly pieces: readonly Buffer[]
  readonly sizeBytes: number
  readonly requestId: string
}

/** By hand, as any language would: a prefix of five bytes, then the head of field 2. */
function headOfPutRequest(blockBytes: number): Buffer {
  const tag = Buffer.concat([Buffer.of(BLOCK_TAG), encodeVarint(blockBytes)])
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(tag.length + blockBytes, 1)
  return Buffer.concat([prefix, tag])
}

function encodeVarint(value: number): Buffer {
  const bytes: number[] = []
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) + 0x80)
  return Buffer.from([...bytes, value])
}

/** Up to the answer's end, which may come before that of the request. */
async function endingOf(stream: ClientHttp2Stream, startedAtMs: number): Promise<Ending> {
  const metadata: Record<string, unknown> = {}
  let durationMs = NaN
  stream.on('trailers', (trailers) => Object.assign(metadata, trailers))
  stream.on('response', (headers) => {
    durationMs = performance.now() - startedAtMs
    Object.assign(metadata, headers)
  })
  await new Promise((resolve, reject) => {
    stream.once('end', resolve).once('error', reject).resume()
  })
  return {
    end: codeInTrailer(metadata['kura-error-bin']),
    status: Number(metadata['grpc-status']),
    comeBackMs: Number(metadata['grpc-retry-pushback-ms']),
    durationMs,
  }
}

/** Field 1 of ErrorDetails comes first; no trailer means that all went well. */
function codeInTrailer(trailer: unknown): string {
  if (typeof trailer !== 'string') return 'stored'
  const bytes = Buffer.from(trailer, 'base64')
  const length = bytes.readUInt8(1)
  return bytes.toString('latin1', 2, 2 + length)
}
