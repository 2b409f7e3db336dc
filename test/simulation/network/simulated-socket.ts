/**
 * One end of a byte stream between two simulated processes. It behaves as `net.Socket` does, as far
 * as the transport can tell: bytes come in order, through `onread`, only while it is not paused; a
 * write is taken while the peer's window has room; an end is followed by a close.
 */
import { EventEmitter } from 'node:events'
import type { OnReadOpts } from 'node:net'
import type { ByteSocket } from '@kura/transport'
import type { Kernel } from '../kernel/kernel.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'
import type { OrderedWay } from './ordered-way.ts'

/** Bytes under way and not yet read by the peer before writes have to wait. */
const WINDOW_BYTES = 64 * 1024

interface Write {
  readonly sizeBytes: number
  readonly onTaken: ((error?: Error | null) => void) | undefined
}

export class SimulatedSocket extends EventEmitter implements ByteSocket {
  readonly remoteAddress: string
  readonly #kernel: Kernel
  readonly #scope: ProcessScope
  readonly #onread: OnReadOpts
  #peer: SimulatedSocket | undefined
  #way: OrderedWay | undefined
  #state: 'opening' | 'open' | 'readOnly' | 'closed' = 'opening'
  #isPaused: boolean
  #isDestroyed = false
  #isClosed = false
  #corks = 0
  #corked: Uint8Array[] = []
  /** What was written before the connection stood, or in a cork. */
  readonly #unsent: (() => void)[] = []
  readonly #untaken: Write[] = []
  #untakenBytes = 0
  #underWayBytes = 0
  #mustDrain = false
  #isTaking = false
  readonly #arrived: Uint8Array[] = []
  #peerEnded = false
  #saidEnd = false

  constructor(options: {
    readonly kernel: Kernel
    readonly scope: ProcessScope
    readonly onread: OnReadOpts
    readonly remoteAddress: string
    readonly isPaused: boolean
  }) {
    super()
    this.#kernel = options.kernel
    this.#scope = options.scope
    this.#onread = options.onread
    this.remoteAddress = options.remoteAddress
    this.#isPaused = options.isPaused
  }

  get destroyed(): boolean {
    return this.#isDestroyed
  }

  get closed(): boolean {
    return this.#isClosed
  }

  get readyState(): string {
    return this.#isDestroyed ? 'closed' : this.#state
  }

  get writableLength(): number {
    return this.#untakenBytes
  }

  get scope(): ProcessScope {
    return this.#scope
  }

  /** The connection stands: `way` leads to `peer`. */
  connected(peer: SimulatedSocket, way: OrderedWay): void {
    this.#peer = peer
    this.#way = way
    if (this.#isDestroyed) {
      this.#sayGone()
      return
    }
    if (this.#state === 'opening') this.#state = 'open'
    for (const send of this.#unsent.splice(0)) send()
    this.#takeWrites()
  }

  setNoDelay(): void {
    // Nothing waits for company here.
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (this.#arrived.length > 0 || this.#peerEnded) this.#soon(() => this.#deliver())
  }

  cork(): void {
    this.#corks += 1
  }

  uncork(): void {
    this.#corks -= 1
    if (this.#corks > 0 || this.#corked.length === 0) return
    const bytes = Buffer.concat(this.#corked)
    this.#corked = []
    this.#send(bytes)
  }

  write(bytes: Uint8Array, onTaken?: (error?: Error | null) => void): boolean {
    if (this.#isDestroyed || this.#state === 'readOnly') {
      const error = systemError('EPIPE')
      this.#soon(() => onTaken?.(error))
      return false
    }
    this.#untaken.push({ sizeBytes: bytes.length, onTaken })
    this.#untakenBytes += bytes.length
    if (this.#corks > 0) this.#corked.push(bytes)
    else this.#send(Buffer.from(bytes))
    this.#takeWritesLater()
    this.#mustDrain ||= this.#untakenBytes >= WINDOW_BYTES
    return !this.#mustDrain
  }

  end(): void {
    if (this.#isDestroyed || this.#state === 'readOnly' || this.#state === 'closed') return
    if (this.#state === 'open') this.#state = 'readOnly'
    this.#whenConnected(() => this.#way?.send(() => this.#peer?.meetEnd()))
    if (this.#saidEnd) this.#soon(() => this.destroy())
  }

  destroy(error?: Error): void {
    if (this.#isDestroyed) return
    this.#isDestroyed = true
    this.#arrived.length = 0
    this.#sayGone()
    this.#soon(() => {
      for (const { onTaken } of this.#untaken.splice(0)) onTaken?.(error ?? systemError('EPIPE'))
      if (error !== undefined) this.emit('error', error)
      this.#isClosed = true
      this.emit('close')
    })
  }

  /** The peer's end has come. */
  meetEnd(): void {
    if (this.#isDestroyed) return
    this.#peerEnded = true
    this.#deliver()
  }

  /** The peer is gone, or something between. */
  meetReset(code = 'ECONNRESET'): void {
    this.destroy(systemError(code))
  }

  meetBytes(bytes: Uint8Array): void {
    if (this.#isDestroyed) return
    this.#arrived.push(bytes)
    this.#deliver()
  }

  /** The peer has read that much. Only where somebody waits for the room it is an event. */
  meetRead(sizeBytes: number): void {
    this.#underWayBytes -= sizeBytes
    if (this.#untaken.length > 0 || this.#mustDrain) this.#soon(() => this.#takeWrites())
  }

  /** The process dies: as the kernel does, the peer is told, unless the whole machine is gone. */
  die(options: { readonly isPeerTold: boolean }): void {
    this.#isDestroyed = true
    if (options.isPeerTold) this.#way?.send(() => this.#peer?.meetReset())
  }

  #send(bytes: Uint8Array): void {
    this.#whenConnected(() => {
      this.#way?.send(() => this.#peer?.meetBytes(bytes))
    })
  }

  #whenConnected(send: () => void): void {
    if (this.#way === undefined) this.#unsent.push(send)
    else send()
  }

  /** As `net.Socket` does where the system took the bytes at once: after what runs now. */
  #takeWritesLater(): void {
    if (this.#isTaking) return
    this.#isTaking = true
    process.nextTick(() => {
      this.#isTaking = false
      this.#takeWrites()
    })
  }

  /** Those that the window has room for, in order. */
  #takeWrites(): void {
    if (this.#isDestroyed || this.#way === undefined) return
    while (this.#untaken.length > 0 && this.#underWayBytes <= WINDOW_BYTES) {
      const write = this.#untaken.shift()
      if (write === undefined) break
      this.#untakenBytes -= write.sizeBytes
      this.#underWayBytes += write.sizeBytes
      write.onTaken?.(null)
    }
    if (!this.#mustDrain || this.#untakenBytes > 0) return
    this.#mustDrain = false
    this.emit('drain')
  }

  #deliver(): void {
    let readBytes = 0
    while (!this.#isPaused && !this.#isDestroyed) {
      const first = this.#arrived[0]
      if (first === undefined) break
      const { buffer, callback } = this.#onread
      const target = typeof buffer === 'function' ? buffer() : buffer
      const sizeBytes = Math.min(first.length, target.length)
      target.set(first.subarray(0, sizeBytes))
      if (sizeBytes === first.length) this.#arrived.shift()
      else this.#arrived[0] = first.subarray(sizeBytes)
      readBytes += sizeBytes
      if (!callback(sizeBytes, target)) this.#isPaused = true
    }
    if (readBytes > 0) this.#acknowledge(readBytes)
    this.#sayEnd()
  }

  /** Acknowledgements of TCP travel beside the bytes; they are not what is tested here. */
  #acknowledge(readBytes: number): void {
    this.#peer?.meetRead(readBytes)
  }

  #sayEnd(): void {
    if (!this.#peerEnded || this.#saidEnd || this.#isPaused || this.#arrived.length > 0) return
    this.#saidEnd = true
    this.emit('end')
    const isEnded = this.#state === 'readOnly'
    this.end()
    if (isEnded) this.#soon(() => this.destroy())
  }

  #sayGone(): void {
    // An end that was sent has said it already; a second one says nothing new.
    this.#way?.send(() => this.#peer?.meetEnd())
  }

  #soon(callback: () => void): void {
    this.#kernel.schedule(this.#scope, 0, callback)
  }
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: the simulated network`), { code })
}
