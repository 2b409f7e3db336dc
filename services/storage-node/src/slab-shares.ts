import { SlabPool } from '@kura/core'
import {
  BACKGROUND_LARGE_SLABS,
  BACKGROUND_SMALL_SLABS,
  BACKGROUND_WAITERS_MAX,
  FOREGROUND_WAITERS_MAX,
  RECONSTRUCTION_LARGE_SLABS,
  RECONSTRUCTION_SMALL_SLABS,
  RECONSTRUCTION_WAITERS_MAX,
} from './limits.ts'

/** The node's buffers. Shares are apart, so that no kind of work can starve another. */
export interface SlabShares {
  /** Puts and gets. */
  readonly foreground: SlabPool
  /** Completing and building extents. */
  readonly reconstruction: SlabPool
  /** The extent engine's own work: recovery, sealing, scrubbing. */
  readonly background: SlabPool
}

export function createSlabShares(foreground: {
  readonly largeSlabs: number
  readonly smallSlabs: number
}): SlabShares {
  return {
    foreground: new SlabPool({
      largeCount: foreground.largeSlabs,
      smallCount: foreground.smallSlabs,
      waitersMax: FOREGROUND_WAITERS_MAX,
    }),
    reconstruction: new SlabPool({
      largeCount: RECONSTRUCTION_LARGE_SLABS,
      smallCount: RECONSTRUCTION_SMALL_SLABS,
      waitersMax: RECONSTRUCTION_WAITERS_MAX,
    }),
    background: new SlabPool({
      largeCount: BACKGROUND_LARGE_SLABS,
      smallCount: BACKGROUND_SMALL_SLABS,
      waitersMax: BACKGROUND_WAITERS_MAX,
    }),
  }
}
