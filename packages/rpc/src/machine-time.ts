/**
 * The machine's own time, the one place of this package that touches it. grpc-js sets its timers by
 * the machine's clock, so its deadlines must be on that clock and not on an injected one; the rest
 * is measuring for the log.
 */

/** The wall time `timeoutMs` from now. */
export function deadlineAfter(timeoutMs: number): Date {
  return new Date(Date.now() + timeoutMs)
}

/** Milliseconds on a clock that never jumps. */
export function monotonicMs(): number {
  return performance.now()
}

/** Aborts after `delayMs`; does not keep the process alive. */
export function abortAfter(delayMs: number): AbortSignal {
  return AbortSignal.timeout(delayMs)
}
