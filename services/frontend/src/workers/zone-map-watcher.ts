/** Follows the zone map of the zone master. While that is dead the last map goes on counting. */
import { isKuraError, type Clock } from '@kura/core'
import type { ZoneMaster } from '@kura/proto'
import type { RpcClientOf } from '@kura/rpc'
import { Worker, type Logger } from '@kura/runtime'
import { WATCH_RETRY_MS } from '../limits.ts'
import { parseZoneMap } from '../maps/map-messages.ts'
import type { ZoneMaps } from '../maps/zone-maps.ts'
import { WatchLog } from './watch-log.ts'

export interface ZoneMapWatcherOptions {
  readonly client: RpcClientOf<typeof ZoneMaster>
  readonly maps: ZoneMaps
  readonly clock: Clock
  readonly logger: Logger
  /** After each map: cells may be new. */
  readonly onMap: () => void
}

export class ZoneMapWatcher {
  readonly #options: ZoneMapWatcherOptions
  readonly #worker: Worker
  readonly #log: WatchLog

  constructor(options: ZoneMapWatcherOptions) {
    this.#options = options
    this.#log = new WatchLog({ logger: options.logger, fields: { map: 'zone' } })
    this.#worker = new Worker({
      name: 'zone-map-watcher',
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
    const { client, maps, onMap } = this.#options
    try {
      // A stream starts with the leader's word, whatever was known; later ones only move forward.
      let version = -1
      for await (const message of client.watchZoneMap({ knownVersion: 0n }, { signal })) {
        this.#log.receiving()
        const map = parseZoneMap(message)
        if (map.version < version) continue
        version = map.version
        maps.takeWeights(map)
        onMap()
      }
    } catch (error) {
      if (!isKuraError(error)) throw error
      if (!signal.aborted) this.#log.lost(error)
    }
  }
}
