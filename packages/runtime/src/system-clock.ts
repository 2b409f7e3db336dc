import type { Clock } from '@kura/core'

/** Time as the machine tells it. One of the two places that touch timers and `Date`. */
export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now()
  }

  monotonicMs(): number {
    return performance.now()
  }

  async sleep(
    delayMs: number,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    const signal = options.signal
    signal?.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => resolve(undefined), delayMs)
    const onAbort = (): void => reject(signal?.reason as Error)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await promise
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  schedule(delayMs: number, callback: () => void): () => void {
    if (delayMs === 0) {
      // A timer would be a millisecond. Not unreferenced: the loop would sleep until I/O comes.
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    }
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  }
}
