/**
 * The buffers of a simulated node. Blocks are small there, and a large slab is 4 MiB that the
 * garbage collector counts: with production's own for completing and for background work each start
 * of a node would cost a collection.
 */
import { SlabPool } from '@kura/core'
import type { SlabShares } from '@kura/storage-node'

/** As production has them. */
const WAITERS_MAX = 64

export function smallShares(foreground: {
  readonly largeSlabs: number
  readonly smallSlabs: number
}): SlabShares {
  const share = (largeCount: number, smallCount: number): SlabPool =>
    new SlabPool({ largeCount, smallCount, waitersMax: WAITERS_MAX })
  return {
    foreground: share(foreground.largeSlabs, foreground.smallSlabs),
    reconstruction: share(1, 3),
    background: share(1, 2),
  }
}
