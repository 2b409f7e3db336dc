import { isKuraError, RPC_TIMEOUT_MS, toKuraError } from '@kura/core'
import type { CallOptions } from '@kura/rpc'
import type { FrontendContext } from './frontend-context.ts'
import { INDEX_CALLS_MAX, INDEX_RETRY_MS } from './limits.ts'

/**
 * One call of the block index, run again while its outcome is unknown: each of them is idempotent.
 * Throws the last failure, and the signal's reason when it aborts.
 */
export async function callIndex<T>(
  frontend: FrontendContext,
  request: { readonly requestId: string; readonly signal: AbortSignal },
  call: (options: CallOptions) => Promise<T>,
): Promise<T> {
  const { signal, requestId } = request
  for (let calls = 1; ; calls += 1) {
    try {
      return await frontend.leftCalls.waitFor(signal, async (callSignal) => {
        return await call({ signal: callSignal, requestId, timeoutMs: RPC_TIMEOUT_MS })
      })
    } catch (error) {
      if (signal.aborted) throw toKuraError(signal.reason, 'cancelled')
      const isUnknown = isKuraError(error, 'unavailable', 'deadline-exceeded', 'shutting-down')
      if (!isUnknown || calls >= INDEX_CALLS_MAX) throw error
    }
    frontend.metrics.indexRetries.inc()
    await frontend.clock.sleep(INDEX_RETRY_MS * 2 ** (calls - 1), { signal })
  }
}
