/** The frontend of a zone, and the puts that it acknowledged. */
import { MARKS } from '@kura/core'
import type { DeathPoint } from './death-point.ts'
import type { MarkedService } from './run-mark-kills.ts'
import { ZoneLife } from './zone-life.ts'
import { ZoneProcess } from './zone-process.ts'

const PUTS_AT_ONCE = 8

export class FrontendLife implements MarkedService {
  readonly marks = MARKS.filter((mark) => mark.startsWith('put.'))
  readonly #zone: ZoneLife
  #process: ZoneProcess | undefined

  private constructor(zone: ZoneLife) {
    this.#zone = zone
  }

  static async start(): Promise<FrontendLife> {
    return new FrontendLife(await ZoneLife.start())
  }

  async spawn(death: DeathPoint | undefined): Promise<ZoneProcess> {
    this.#process = await ZoneProcess.spawn(this.#zone.service('frontend'), death)
    return this.#process
  }

  async connect(): Promise<void> {
    await Promise.resolve()
  }

  disconnect(): void {
    // Its client connects anew.
  }

  async check(): Promise<void> {
    await this.#zone.check()
  }

  async live(): Promise<void> {
    const over = new AbortController()
    const puts = this.#zone.put(PUTS_AT_ONCE, { signal: over.signal })
    // The client would ask again for as long as it may.
    const gone = this.#process?.waitEnd({ signal: over.signal }).then(() => {
      over.abort(new Error('the frontend is gone'))
    })
    try {
      await puts
    } finally {
      over.abort(new Error('all puts are answered'))
      await gone
    }
  }

  async end(): Promise<void> {
    await this.#zone.end()
  }
}
