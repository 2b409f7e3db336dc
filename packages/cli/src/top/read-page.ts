import type { Clock } from '@kura/core'
import { MetricsPage } from './metrics-page.ts'

const READ_TIMEOUT_MS = 2_000

/** What is on /metrics there; undefined where nobody answers in time. Throws when aborted. */
export async function readPage(
  address: string,
  options: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<MetricsPage | undefined> {
  const { clock, signal } = options
  const patience = new AbortController()
  const cancelTimer = clock.schedule(READ_TIMEOUT_MS, () => patience.abort())
  try {
    const answer = await fetch(`http://${address}/metrics`, {
      signal: AbortSignal.any([signal, patience.signal]),
    })
    return answer.ok ? new MetricsPage(await answer.text()) : undefined
  } catch (error) {
    if (signal.aborted) throw error
    return undefined
  } finally {
    cancelTimer()
  }
}
