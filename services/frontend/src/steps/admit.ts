import { isKuraError, KuraError, type Slab } from '@kura/core'
import type { FrontendContext } from '../frontend-context.ts'
import { ADMISSION_WAIT_MS_MAX } from '../limits.ts'
import type { PutCall } from './put-call.ts'
import { Put } from './put.ts'

/** Step 1 of a put: a buffer for its block, or `overloaded`. Until then its body is not read. */
export async function admit(frontend: FrontendContext, call: PutCall): Promise<Put> {
  return new Put({ frontend, call, slab: await reserveSlab(frontend, call) })
}

/** Waits its turn for a buffer, not for long; `overloaded` at once where the line is full. */
export async function reserveSlab(
  frontend: FrontendContext,
  request: { readonly sizeBytes: number; readonly signal: AbortSignal },
): Promise<Slab> {
  const free = frontend.slabs.tryReserve(request.sizeBytes)
  if (free !== undefined) return free
  const patience = new AbortController()
  const cancelTimer = frontend.clock.schedule(ADMISSION_WAIT_MS_MAX, () => {
    patience.abort(new KuraError('overloaded', 'no buffer became free in time'))
  })
  const signal = AbortSignal.any([request.signal, patience.signal])
  try {
    return await frontend.slabs.reserve(request.sizeBytes, { signal })
  } catch (error) {
    if (isKuraError(error)) throw error
    throw new KuraError('cancelled', 'the wait for a buffer ended', { cause: error })
  } finally {
    cancelTimer()
  }
}
