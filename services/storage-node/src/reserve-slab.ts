import { KuraError, type Slab } from '@kura/core'
import { SLAB_WAIT_MS_MAX } from './limits.ts'
import type { NodeContext } from './node-context.ts'

/** A foreground buffer, held once by the caller. Throws `overloaded` after SLAB_WAIT_MS_MAX. */
export async function reserveSlab(
  node: NodeContext,
  sizeBytes: number,
  options: { readonly signal: AbortSignal },
): Promise<Slab> {
  const pool = node.slabs.foreground
  const free = pool.tryReserve(sizeBytes)
  if (free !== undefined) return free
  const patience = new AbortController()
  const cancel = node.clock.schedule(SLAB_WAIT_MS_MAX, () => {
    patience.abort(new KuraError('overloaded', 'no buffer became free in time'))
  })
  try {
    const signal = AbortSignal.any([options.signal, patience.signal])
    return await pool.reserve(sizeBytes, { signal })
  } finally {
    cancel()
  }
}
