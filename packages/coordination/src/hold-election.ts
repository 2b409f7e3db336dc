import { KuraError, type Clock, type Coordinator, type Leadership } from '@kura/core'

/** A leader that is stopping may hold its election for a moment. */
const PATIENCE_MS = 3_000

/**
 * Keeps every instance of a service from leading while its store is replaced offline. Throws
 * `locked` while one of them leads.
 */
export async function holdElection(
  coordinator: Coordinator,
  election: string,
  options: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Leadership> {
  const patience = new AbortController()
  const cancel = options.clock.schedule(PATIENCE_MS, () => {
    patience.abort(
      new KuraError('locked', 'an instance of the service leads', {
        details: { election },
        hint: 'stop every instance of it: a store is replaced offline',
      }),
    )
  })
  try {
    const signal = AbortSignal.any([options.signal, patience.signal])
    return await coordinator.campaign(election, { signal })
  } finally {
    cancel()
  }
}
