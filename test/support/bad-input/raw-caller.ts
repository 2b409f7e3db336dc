/** A caller on a bare socket, which can do everything that a good client never does. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const PATIENCE_MS = 25_000

export class RawCaller implements Disposable {
  readonly #socket: Socket
  readonly #pieces: Buffer[] = []
  readonly #closed: Promise<void>
  #isClosed = false
  #wake: () => void = () => undefined

  constructor(address: string) {
    const [host = '', port = ''] = address.split(':')
    this.#socket = connect({ host, port: Number(port), noDelay: true, allowHalfOpen: true })
    // A connection that the server ends is what these callers are here for.
    this.#socket.on('error', () => undefined)
    this.#socket.on('end', () => this.#socket.end())
    this.#closed = new Promise((resolve) => {
      this.#socket.once('close', () => {
        this.#isClosed = true
        this.#wake()
        resolve()
      })
    })
  }

  get received(): Buffer {
    return Buffer.concat(this.#pieces)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** False once the connection is gone, or the server has said that it sends nothing more. */
  get takesBytes(): boolean {
    return !this.#isClosed && this.#socket.writable
  }

  /** Resolves when the kernel has taken the bytes, or the connection is gone. */
  async write(bytes: string | Buffer): Promise<void> {
    if (!this.takesBytes) return
    const written = new Promise<void>((resolve) => {
      this.#socket.write(bytes, () => resolve())
    })
    await Promise.race([written, this.#closed])
  }

  /** Writes a byte at a time, a pause after each, until the connection is gone. */
  async dribble(bytes: string | Buffer, pauseMs: number): Promise<void> {
    for (const byte of Buffer.from(bytes)) {
      if (!this.takesBytes) return
      await this.write(Buffer.of(byte))
      await sleep(pauseMs)
    }
  }

  /** Says that nothing more comes, and still reads. */
  end(): void {
    this.#socket.end()
  }

  read(): void {
    this.#socket.on('data', (piece) => {
      this.#pieces.push(piece)
      this.#wake()
    })
  }

  /** Reads `bytesPerSecond` until the connection is gone. */
  async readSlowly(bytesPerSecond: number): Promise<void> {
    const endsAtMs = performance.now() + PATIENCE_MS
    while (!this.#isClosed && performance.now() < endsAtMs) {
      const piece: unknown = this.#socket.read(bytesPerSecond / 4) ?? this.#socket.read()
      if (Buffer.isBuffer(piece)) this.#pieces.push(piece)
      await sleep(250)
    }
  }

  /** True when `isEnough` says so, false when the connection ended first. */
  async readUntil(isEnough: (received: Buffer) => boolean): Promise<'enough' | 'end' | 'silence'> {
    this.read()
    const endsAtMs = performance.now() + PATIENCE_MS
    while (!isEnough(this.received)) {
      if (this.#isClosed) return 'end'
      const remainingMs = endsAtMs - performance.now()
      if (remainingMs <= 0) return 'silence'
      await this.#more(remainingMs)
    }
    return 'enough'
  }

  /** Resolves when more bytes came, the connection ended, or the time is over. */
  async #more(withinMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => resolve(undefined), withinMs)
    this.#wake = () => resolve(undefined)
    await promise
    clearTimeout(timer)
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}
