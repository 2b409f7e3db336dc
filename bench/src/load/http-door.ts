/**
 * The HTTP door over `node:http`: one connection that is kept, bodies sent from the memory of the
 * caller, answers hashed piece by piece and not kept.
 */
import { createHash, hash as hashAtOnce } from 'node:crypto'
import { Agent, request, type IncomingMessage, type RequestOptions } from 'node:http'
import { isErrorCode, KuraError } from '@kura/core'
import {
  addressOf,
  checkHash,
  type BlockDoor,
  type DoorClient,
  type PutAnswer,
} from './block-door.ts'
import type { LoadEndpoints } from './load.ts'

const OK = 200
const CREATED = 201
const TIMEOUT_MS = 60_000

export class HttpDoor implements BlockDoor {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #base: RequestOptions
  readonly #name: string

  constructor(endpoints: LoadEndpoints, { name }: DoorClient) {
    const { hostname, port } = new URL(`http://${addressOf(endpoints, 'http')}`)
    this.#base = { host: hostname, port, agent: this.#agent, timeout: TIMEOUT_MS }
    this.#name = name
  }

  async put(bytes: Buffer): Promise<PutAnswer> {
    const hash = hashAtOnce('sha256', bytes, 'hex')
    const headers = { 'content-length': bytes.length, 'x-kura-client': this.#name }
    const answer = await this.#exchange({ method: 'PUT', path: pathOf(hash), headers }, bytes)
    const body = await readText(answer)
    if (answer.statusCode !== CREATED && answer.statusCode !== OK) throw refusal(answer, body)
    const receipt = JSON.parse(body) as { readonly hash: string; readonly newlyStored: boolean }
    checkHash(hash, receipt.hash)
    return { hash, newlyStored: receipt.newlyStored }
  }

  async get(hash: string): Promise<number> {
    const headers = { 'x-kura-client': this.#name }
    const answer = await this.#exchange({ method: 'GET', path: pathOf(hash), headers })
    if (answer.statusCode !== OK) throw refusal(answer, await readText(answer))
    const digest = createHash('sha256')
    let sizeBytes = 0
    await read(answer, (piece) => {
      digest.update(piece)
      sizeBytes += piece.length
    })
    checkHash(hash, digest.digest('hex'))
    return sizeBytes
  }

  close(): void {
    this.#agent.destroy()
  }

  #exchange(options: RequestOptions, body?: Buffer): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = request({ ...this.#base, ...options }, resolve)
      sent.on('timeout', () => sent.destroy(new KuraError('deadline-exceeded', 'no answer')))
      sent.on('error', (cause) => reject(unreachable(cause)))
      sent.end(body)
    })
  }
}

function pathOf(hash: string): string {
  return `/v1/blocks/${hash}`
}

/** By events: an iterator costs more than what is measured with small blocks. */
function read(answer: IncomingMessage, onPiece: (piece: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    answer.on('data', onPiece)
    answer.on('end', resolve)
    answer.on('error', (cause) => reject(unreachable(cause)))
  })
}

async function readText(answer: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  await read(answer, (piece) => pieces.push(piece))
  return Buffer.concat(pieces).toString('utf8')
}

/** The error that the door's answer is about. */
function refusal(answer: IncomingMessage, body: string): KuraError {
  const status = answer.statusCode ?? 0
  const details = { status }
  try {
    const { code = '', message = '' } = JSON.parse(body) as { code?: string; message?: string }
    if (isErrorCode(code)) return new KuraError(code, message, { details })
  } catch {
    // Not from Kura: its answers are JSON.
  }
  return new KuraError('protocol-violation', `the HTTP door answered ${status}`, { details })
}

function unreachable(cause: Error): KuraError {
  if (cause instanceof KuraError) return cause
  return new KuraError('unavailable', `the HTTP door is out of reach: ${cause.message}`, { cause })
}
