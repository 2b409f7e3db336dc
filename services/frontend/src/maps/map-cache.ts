/**
 * The maps on the frontend's own disk, so that it starts while everything above it is down. Written
 * off the request path, some time after a change; an older map than the last is as good a start.
 */
import { join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import { parseCellId, toKuraError, type CellId, type Clock } from '@kura/core'
import { CellMapUpdateSchema, ZoneMapSchema } from '@kura/proto'
import { Worker, type Logger } from '@kura/runtime'
import { MAP_CACHE_WRITE_MS } from '../limits.ts'
import type { MapFiles } from './map-file.ts'
import {
  decodeMapMessage,
  encodeSnapshot,
  parseCellMapChange,
  parseZoneMap,
} from './map-messages.ts'
import type { ZoneMaps } from './zone-maps.ts'

export interface MapCacheOptions {
  /** Where the files are. */
  readonly directory: string
  readonly pocket: string
  readonly zone: string
  readonly files: MapFiles
  readonly maps: ZoneMaps
  readonly clock: Clock
  readonly logger: Logger
}

export class MapCache {
  readonly #options: MapCacheOptions
  readonly #worker: Worker
  readonly #changed = new Set<'zone' | CellId>()

  constructor(options: MapCacheOptions) {
    this.#options = options
    this.#worker = new Worker({
      name: 'map-cache',
      intervalMs: MAP_CACHE_WRITE_MS,
      clock: options.clock,
      logger: options.logger,
      step: async () => await this.#writeChanged(),
    })
  }

  /** Fills the maps with what an earlier process left. Never throws: a cache may be missing. */
  async load(): Promise<void> {
    await this.#attempt(async () => {
      await this.#loadZone()
      for (const cellId of this.#options.maps.weights?.weights.keys() ?? []) {
        await this.#attempt(async () => await this.#loadCell(cellId))
      }
    })
    this.#changed.clear()
  }

  start(): void {
    this.#worker.start()
  }

  /** Writes what is still unwritten. */
  async stop(): Promise<void> {
    await this.#worker.stop()
    await this.#attempt(async () => await this.#writeChanged())
  }

  noteChange(changed: 'zone' | CellId): void {
    this.#changed.add(changed)
  }

  async #loadZone(): Promise<void> {
    const bytes = await this.#options.files.read(this.#path('zone'))
    if (bytes === undefined) return
    const map = decodeMapMessage(ZoneMapSchema, bytes)
    // The directory of another zone would name other cells.
    if (map.pocket !== this.#options.pocket || map.zone !== this.#options.zone) return
    this.#options.maps.takeWeights(parseZoneMap(map))
  }

  async #loadCell(cellId: CellId): Promise<void> {
    const bytes = await this.#options.files.read(this.#path(cellId))
    if (bytes === undefined) return
    const change = parseCellMapChange(decodeMapMessage(CellMapUpdateSchema, bytes))
    if (change.cellId === cellId) this.#options.maps.takeChange(change)
  }

  async #writeChanged(): Promise<void> {
    for (const changed of [...this.#changed]) {
      this.#changed.delete(changed)
      const message = changed === 'zone' ? this.#encodeZone() : this.#encodeCell(changed)
      if (message !== undefined) await this.#options.files.write(this.#path(changed), message)
    }
  }

  #encodeZone(): Uint8Array | undefined {
    const { maps, pocket, zone } = this.#options
    if (maps.weights === undefined) return undefined
    const cells = [...maps.weights.weights].map(([cellId, weight]) => ({ cellId, weight }))
    const version = BigInt(maps.weights.version)
    return toBinary(ZoneMapSchema, create(ZoneMapSchema, { pocket, zone, version, cells }))
  }

  #encodeCell(cellId: CellId): Uint8Array | undefined {
    const snapshot = encodeSnapshot(this.#options.maps.cell(parseCellId(cellId)))
    if (snapshot === undefined) return undefined
    return toBinary(CellMapUpdateSchema, create(CellMapUpdateSchema, snapshot))
  }

  #path(changed: 'zone' | CellId): string {
    const name = changed === 'zone' ? 'zone.map' : `cell-${changed}.map`
    return join(this.#options.directory, 'maps', name)
  }

  async #attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step()
    } catch (error) {
      const { code, message } = toKuraError(error)
      this.#options.logger.warn({ code, reason: message }, 'a cached map is of no use')
    }
  }
}
