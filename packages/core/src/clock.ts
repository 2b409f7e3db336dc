/** The port to time. Production has `SystemClock` (runtime); tests have `ManualClock` (testkit). */
export interface Clock {
  /** Wall time, Unix milliseconds. For people and for stamps, never for safety. */
  nowMs(): number
  /** Milliseconds on a clock that never jumps; only differences mean anything. */
  monotonicMs(): number
  /** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
  sleep(delayMs: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
  /**
   * Calls `callback` once after `delayMs`; returns a function that cancels it. Does not keep the
   * process alive. 0: in the next turn of the event loop, behind what has come by then.
   */
  schedule(delayMs: number, callback: () => void): () => void
}
