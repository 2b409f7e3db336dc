/** All watches of this frontend: the zone map, and one cell map for each cell it names. */
import type { CellId, Clock } from '@kura/core'
import type { VolumeManager, ZoneMaster } from '@kura/proto'
import type { RpcClientOf } from '@kura/rpc'
import type { Logger } from '@kura/runtime'
import type { ZoneMaps } from '../maps/zone-maps.ts'
import { CellMapWatcher } from './cell-map-watcher.ts'
import { ZoneMapWatcher } from './zone-map-watcher.ts'

export interface MapWatchersOptions {
  readonly zoneMaster: RpcClientOf<typeof ZoneMaster>
  readonly volumeManagerOf: (cellId: CellId) => RpcClientOf<typeof VolumeManager>
  readonly maps: ZoneMaps
  readonly clock: Clock
  readonly logger: Logger
}

export class MapWatchers {
  readonly #options: MapWatchersOptions
  readonly #zone: ZoneMapWatcher
  readonly #cells = new Map<CellId, CellMapWatcher>()
  #isStopped = false

  constructor(options: MapWatchersOptions) {
    this.#options = options
    this.#zone = new ZoneMapWatcher({
      ...options,
      client: options.zoneMaster,
      onMap: () => this.#watchNewCells(),
    })
  }

  /** Cells known from the cache are watched at once, whether or not the zone master lives. */
  start(): void {
    this.#watchNewCells()
    this.#zone.start()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all([this.#zone.stop(), ...[...this.#cells.values()].map((it) => it.stop())])
  }

  #watchNewCells(): void {
    if (this.#isStopped) return
    for (const cellId of this.#options.maps.weights?.weights.keys() ?? []) {
      if (this.#cells.has(cellId)) continue
      const client = this.#options.volumeManagerOf(cellId)
      const watcher = new CellMapWatcher({ ...this.#options, cellId, client })
      this.#cells.set(cellId, watcher)
      watcher.start()
    }
  }
}
