/** Follows the map of one cell. While its volume manager is dead the last map goes on counting. */
import { isKuraError, type CellId, type Clock } from '@kura/core'
import type { VolumeManager } from '@kura/proto'
import type { RpcClientOf } from '@kura/rpc'
import { Worker, type Logger } from '@kura/runtime'
import { WATCH_RETRY_MS } from '../limits.ts'
import { parseCellMapChange } from '../maps/map-messages.ts'
import type { ZoneMaps } from '../maps/zone-maps.ts'
import { WatchLog } from './watch-log.ts'

export interface CellMapWatcherOptions {
  readonly cellId: CellId
  readonly client: RpcClientOf<typeof VolumeManager>
  readonly maps: ZoneMaps
  readonly clock: Clock
  readonly logger: Logger
}

export class CellMapWatcher {
  readonly #options: CellMapWatcherOptions
  readonly #worker: Worker
  readonly #log: WatchLog
  #needsSnapshot = false

  constructor(options: CellMapWatcherOptions) {
    this.#options = options
    this.#log = new WatchLog({
      logger: options.logger,
      fields: { map: 'cell', cellId: options.cellId },
    })
    this.#worker = new Worker({
      name: `cell-map-watcher-${options.cellId}`,
      intervalMs: WATCH_RETRY_MS,
      clock: options.clock,
      logger: options.logger,
      step: async (signal) => await this.#watch(signal),
    })
  }

  start(): void {
    this.#worker.start()
  }

  async stop(): Promise<void> {
    await this.#worker.stop()
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, maps } = this.#options
    try {
      for await (const update of client.watchCellMap(this.#request(), { signal })) {
        this.#log.receiving()
        const change = parseCellMapChange(update)
        const result = maps.takeChange(change)
        if (result === 'gap') {
          this.#needsSnapshot = true
          this.#worker.wake()
          return
        }
        if (change.snapshot) this.#needsSnapshot = false
      }
    } catch (error) {
      if (!isKuraError(error)) throw error
      if (!signal.aborted) this.#log.lost(error)
    }
  }

  #request() {
    const map = this.#options.maps.cell(this.#options.cellId)
    if (this.#needsSnapshot || map.incarnation === undefined) return { knownVersion: 0n }
    return { incarnation: map.incarnation, knownVersion: BigInt(map.version) }
  }
}
