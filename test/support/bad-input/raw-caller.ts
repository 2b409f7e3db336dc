/** A caller on a bare socket, which can do everything that a good client never does. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const PATIENCE_MS = 25_000
const SLOW_READING_MS = 8_000
const QUIET_MS = 1_000
/** 127.9.0.1 up to 127.9.0.250: connections of bad callers are known by it, see `holdings.ts`. */
const NETWORK = '127.9.0.'
const ADDRESSES = 250

/** Takes turns, or the ports of one address would run out while closed connections keep them. */
let callerCount = 0

export class RawCaller implements Disposable {
  readonly #socket: Socket
  readonly #closed: Promise<void>
  readonly #wakes = new Set<() => void>()
  #pieces: Buffer[] = []
  #receivedBytes = 0
  #isReading = false
  #isClosed = false

  constructor(address: string) {
    const [host = '', port = ''] = address.split(':')
    callerCount += 1
    const localAddress = `${NETWORK}${1 + (callerCount % ADDRESSES)}`
    const place = { host, port: Number(port), localAddress }
    this.#socket = connect({ ...place, noDelay: true, allowHalfOpen: true })
    // A connection that the server ends is what these callers are here for.
    this.#socket.on('error', () => undefined)
    this.#socket.on('end', () => this.#socket.end())
    this.#closed = new Promise((resolve) => {
      this.#socket.once('close', () => {
        this.#isClosed = true
        this.#wakeAll()
        resolve()
      })
    })
  }

  get received(): Buffer {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)]
    return this.#pieces[0] ?? Buffer.alloc(0)
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
    if (this.#isReading) return
    this.#isReading = true
    this.#socket.on('data', (piece) => {
      this.#pieces.push(piece)
      this.#receivedBytes += piece.length
      this.#wakeAll()
    })
  }

  /** Reads `bytesPerSecond` for longer than any patience, or until the connection is gone. */
  async readSlowly(bytesPerSecond: number): Promise<void> {
    const endsAtMs = performance.now() + SLOW_READING_MS
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

  /** As `readUntil`, for much: `isEnough` is asked only where nothing comes for a moment. */
  async readRest(isEnough: (received: Buffer) => boolean): Promise<'enough' | 'end' | 'silence'> {
    this.read()
    for (let quietMs = 0; quietMs < PATIENCE_MS; quietMs += QUIET_MS) {
      const before = this.#receivedBytes
      await this.#more(QUIET_MS)
      if (this.#isClosed) return 'end'
      if (this.#receivedBytes > before) quietMs = 0
      else if (isEnough(this.received)) return 'enough'
    }
    return 'silence'
  }

  /** Resolves when more bytes came, the connection ended, or the time is over. */
  async #more(withinMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const wake = (): void => resolve(undefined)
    const timer = setTimeout(wake, withinMs)
    this.#wakes.add(wake)
    await promise
    this.#wakes.delete(wake)
    clearTimeout(timer)
  }

  #wakeAll(): void {
    for (const wake of this.#wakes) wake()
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}
