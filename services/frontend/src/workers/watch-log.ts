import type { KuraError } from '@kura/core'
import type { Logger } from '@kura/runtime'

/** Says once that a watch was lost and once that it is back, however often it was tried. */
export class WatchLog {
  readonly #logger: Logger
  readonly #fields: Readonly<Record<string, unknown>>
  #state: 'new' | 'receiving' | 'lost' = 'new'

  constructor(options: {
    readonly logger: Logger
    readonly fields: Readonly<Record<string, unknown>>
  }) {
    this.#logger = options.logger
    this.#fields = options.fields
  }

  receiving(): void {
    if (this.#state !== 'receiving') this.#logger.info(this.#fields, 'map watch receives')
    this.#state = 'receiving'
  }

  lost(error: KuraError): void {
    if (this.#state !== 'lost') {
      const fields = { ...this.#fields, code: error.code, reason: error.message }
      this.#logger.warn(fields, 'map watch lost')
    }
    this.#state = 'lost'
  }
}
