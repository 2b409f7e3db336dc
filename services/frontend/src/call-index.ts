import { isKuraError, toKuraError } from '@kura/core'
import type { FrontendContext } from './frontend-context.ts'
import { INDEX_CALLS_MAX, INDEX_RETRY_MS } from './limits.ts'

/**
 * One question to the block index, asked again while its outcome is unknown: each is idempotent.
 * Throws the last failure, and the signal's reason when it aborts. REQUIRES: `call` ends then.
 */
export async function callIndex<T>(
  frontend: FrontendContext,
  signal: AbortSignal,
  call: () => Promise<T>,
): Promise<T> {
  for (let calls = 1; ; calls += 1) {
    try {
      return await call()
    } catch (error) {
      if (signal.aborted) throw toKuraError(signal.reason, 'cancelled')
      const isUnknown = isKuraError(error, 'unavailable', 'deadline-exceeded', 'shutting-down')
      if (!isUnknown || calls >= INDEX_CALLS_MAX) throw error
    }
    frontend.metrics.indexRetries.inc()
    await frontend.clock.sleep(INDEX_RETRY_MS * 2 ** (calls - 1), { signal })
  }
}
