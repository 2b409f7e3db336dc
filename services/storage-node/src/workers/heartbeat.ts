/**
 * Tells the volume managers of the cell that this node lives, how full its open extents are, and
 * what is wrong with its disk. Never needs the thread pool: a disk that hangs all its threads must
 * look like a sick disk, not like a dead node. What does need it, the free space and the list of
 * volume managers, is refreshed beside the heartbeat and told as last known.
 */
import type { AddressBook } from '@kura/coordination'
import { AssertionError, isKuraError, KuraError, type Clock, type Member } from '@kura/core'
import type { DiskSpace } from '@kura/extent'
import { VolumeManager } from '@kura/proto'
import type { ProcessIdentity, RpcClientOf, RpcNetwork } from '@kura/rpc'
import { Worker, type Logger } from '@kura/runtime'
import { HEARTBEAT_SPACING_MS, HEARTBEAT_TIMEOUT_MS, SURROUNDINGS_PERIOD_MS } from '../limits.ts'
import type { HeartbeatMessage } from '../node-status.ts'

export interface HeartbeatOptions {
  readonly identity: ProcessIdentity
  readonly rpc: RpcNetwork
  readonly intervalMs: number
  readonly clock: Clock
  readonly addressBook: Pick<AddressBook, 'members'>
  readonly logger: Logger
  readonly readSpace: () => Promise<DiskSpace>
  /** What to tell; synchronous, because the heartbeat waits for nothing. */
  readonly compose: (space: DiskSpace) => HeartbeatMessage
}

interface Listener {
  readonly client: RpcClientOf<typeof VolumeManager>
  address: string
  heard: boolean
  /** The heartbeat under way; a manager that hangs must not delay those to the others. */
  sending: Promise<void> | undefined
  /** Something was to be told while that one was under way. */
  behind: boolean
}

export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #worker: Worker
  readonly #stopping = new AbortController()
  readonly #listeners = new Map<string, Listener>()
  #space: DiskSpace = { totalBytes: 0, freeBytes: 0 }
  #refreshing = false
  #refreshedAtMs = -Infinity
  #sentAtMs = -Infinity

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#worker = new Worker({
      name: 'heartbeat',
      intervalMs: options.intervalMs,
      clock: options.clock,
      logger: options.logger,
      step: async (signal) => await this.#beat(signal),
    })
  }

  /** Looks around once, so that the first heartbeat knows the free space and whom to tell. */
  async start(): Promise<void> {
    await this.#refresh()
    this.#worker.start()
  }

  /** Something changed: the next heartbeat leaves now. */
  wake(): void {
    this.#worker.wake()
  }

  async stop(): Promise<void> {
    await this.#worker.stop()
    this.#stopping.abort(new KuraError('shutting-down', 'the node stops'))
    await Promise.all([...this.#listeners.values()].map(({ sending }) => sending))
    for (const { client } of this.#listeners.values()) client.close()
    this.#listeners.clear()
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { clock, compose } = this.#options
    const waitMs = this.#sentAtMs + HEARTBEAT_SPACING_MS - clock.monotonicMs()
    if (waitMs > 0) await clock.sleep(waitMs, { signal })
    this.#refreshBeside()
    this.#sentAtMs = clock.monotonicMs()
    const message = compose(this.#space)
    for (const [id, listener] of this.#listeners) this.#tell(id, listener, message)
  }

  #tell(id: string, listener: Listener, message: HeartbeatMessage): void {
    if (listener.sending !== undefined) {
      listener.behind = true
      return
    }
    listener.sending = this.#send(id, listener, message).finally(() => {
      listener.sending = undefined
      if (listener.behind) this.#worker.wake()
      listener.behind = false
    })
  }

  /** Logs when a volume manager falls silent and when it hears again, not every time between. */
  async #send(id: string, to: Listener, message: HeartbeatMessage): Promise<void> {
    const { logger } = this.#options
    const { signal } = this.#stopping
    try {
      await to.client.heartbeat(message, { timeoutMs: HEARTBEAT_TIMEOUT_MS, signal })
      if (!to.heard) logger.info({ volumeManager: id }, 'volume manager hears this node')
      to.heard = true
    } catch (error) {
      if (!isKuraError(error)) throw error
      if (to.heard) logger.warn({ volumeManager: id, code: error.code }, 'volume manager is deaf')
      to.heard = false
    }
  }

  #refreshBeside(): void {
    const { clock } = this.#options
    if (this.#refreshing || clock.monotonicMs() - this.#refreshedAtMs < SURROUNDINGS_PERIOD_MS) {
      return
    }
    this.#refreshing = true
    void this.#refresh().finally(() => {
      this.#refreshing = false
    })
  }

  /** What cannot be learnt now stays as last known. */
  async #refresh(): Promise<void> {
    const { clock, addressBook, readSpace, identity, logger } = this.#options
    this.#refreshedAtMs = clock.monotonicMs()
    try {
      const prefix = `${identity.cellId}-`
      const members = await addressBook.members('volume-manager')
      this.#meet(members.filter((member) => member.id.startsWith(prefix)))
      this.#space = await readSpace()
    } catch (error) {
      if (error instanceof AssertionError) throw error
      logger.warn({ err: error }, 'surroundings not refreshed')
    }
  }

  #meet(members: readonly Member[]): void {
    for (const member of members) {
      const address = member.addresses['rpc']
      if (address === undefined) continue
      const known = this.#listeners.get(member.id)
      if (known === undefined) this.#listeners.set(member.id, this.#listener(member.id, address))
      else known.address = address
    }
    for (const [id, listener] of this.#listeners) {
      if (members.some((member) => member.id === id)) continue
      listener.client.close()
      this.#listeners.delete(id)
    }
  }

  #listener(id: string, address: string): Listener {
    const client = this.#options.rpc.createClient(VolumeManager, {
      identity: this.#options.identity,
      resolve: async () => {
        const current = this.#listeners.get(id)?.address
        if (current !== undefined) return await Promise.resolve(current)
        throw new KuraError('unavailable', 'this volume manager is gone')
      },
    })
    return { client, address, heard: false, sending: undefined, behind: false }
  }
}
