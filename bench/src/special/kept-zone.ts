/** A zone that is stopped and started again with its data, which its owner removes. */
import { KuraError, parsePocketId, parseZoneId } from '@kura/core'
import { LocalZone } from '@kura/local'
import type { LoadEndpoints } from '../load/load.ts'
import type { LoadSite } from '../load/load-site.ts'
import type { WatchedProcess } from '../load/process-watch.ts'
import type { IndexPlace } from './index-store.ts'

export class KeptZone implements LoadSite {
  readonly #zone: LocalZone

  private constructor(zone: LocalZone) {
    this.#zone = zone
  }

  /** Makes the zone where there is none. */
  static async start(dataDir: string): Promise<KeptZone> {
    return new KeptZone(await LocalZone.start({ dataDir, portBase: 0, restarts: false }))
  }

  /** Makes the zone without starting it, and answers where its index is. */
  static async make(dataDir: string): Promise<IndexPlace> {
    await using zone = await LocalZone.prepare({ dataDir, portBase: 0, restarts: false })
    const { dataDir: folder } = zone.service('block-index-1')
    return { folder, pocket: parsePocketId(zone.endpoints.pocket), zone: parseZoneId('a') }
  }

  get endpoints(): LoadEndpoints {
    const { pocket, block, http, grpc } = this.#zone.endpoints
    return { pocket, block, http, grpc }
  }

  processes(): readonly WatchedProcess[] {
    return this.#zone.services.flatMap(({ name, kind, pid }) =>
      pid === undefined ? [] : [{ name, group: kind, pid }],
    )
  }

  killStorageNode(): Promise<void> {
    throw new KuraError('invalid-argument', 'nothing is killed in a zone that is started again')
  }

  checkAlive(): void {
    const dead = this.#zone.services.find(({ isRunning }) => !isRunning)
    if (dead === undefined) return
    throw new KuraError('unavailable', `${dead.name} has died: ${dead.lastExit}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#zone.stop()
  }
}
