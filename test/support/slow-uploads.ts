/**
 * Callers that hold a frontend's buffers as long as they may: each uploads a block just above the
 * minimum rate. They need no disk while they do, and nothing in the zone is sick.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomBytes } from 'node:crypto'
import { KIB, MIB } from '@kura/core'

const BLOCK_BYTES = 4 * MIB
/** 160 KiB/s, where 128 KiB/s are asked for: a block lasts 25 s. */
const PIECE_BYTES = 64 * KIB
const PERIOD_MS = 400

export class SlowUploads {
  readonly #sockets: readonly Socket[]
  readonly #statuses: Promise<number>[]
  readonly #sending: Promise<void>
  #isHurrying = false
  #sentBytes = 0

  constructor(options: { readonly address: string; readonly count: number }) {
    const [host = '', port = ''] = options.address.split(':')
    this.#sockets = Array.from({ length: options.count }, () =>
      connect({ host, port: Number(port) }),
    )
    this.#statuses = this.#sockets.map(statusOf)
    this.#sending = this.#send()
  }

  /** Bytes given to the kernel so far. */
  get sentBytes(): number {
    return this.#sentBytes
  }

  /** Sends the rest of the first `count` uploads at once, and breaks off all others. */
  async finish(count: number): Promise<readonly number[]> {
    for (const socket of this.#sockets.slice(count)) socket.destroy()
    this.#isHurrying = true
    await this.#sending
    return await Promise.all(this.#statuses.slice(0, count))
  }

  async #send(): Promise<void> {
    const head = `POST /v1/blocks HTTP/1.1\r\nhost: x\r\ncontent-length: ${BLOCK_BYTES}\r\n\r\n`
    for (const socket of this.#sockets) socket.write(head)
    for (let sentBytes = 0; sentBytes < BLOCK_BYTES; sentBytes += PIECE_BYTES) {
      for (const socket of this.#sockets) {
        if (!socket.destroyed) socket.write(randomBytes(PIECE_BYTES))
      }
      this.#sentBytes += PIECE_BYTES * this.#sockets.length
      if (!this.#isHurrying) await sleep(PERIOD_MS)
    }
  }
}

/** 0 where no answer came. */
async function statusOf(socket: Socket): Promise<number> {
  socket.on('error', () => undefined)
  return await new Promise((resolve) => {
    socket.once('close', () => resolve(0))
    socket.once('data', (piece: Buffer) => {
      resolve(Number(piece.toString('latin1').slice(9, 12)))
      socket.destroy()
    })
  })
}
