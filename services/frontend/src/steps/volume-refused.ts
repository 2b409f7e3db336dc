import type { KuraError } from '@kura/core'

/** This volume cannot take the put; another one may. Never leaves the put path. */
export class VolumeRefused extends Error {
  override readonly name = 'VolumeRefused'
  readonly reason: KuraError

  constructor(reason: KuraError) {
    super(reason.message, { cause: reason })
    this.reason = reason
  }
}
