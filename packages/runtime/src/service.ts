/** What every service is to its process: started once, then disposed once. */
export interface Service extends AsyncDisposable {
  /** Resolves when the service takes requests (or has begun recovery and says so on /readyz). */
  start(): Promise<void>
  /** Drains and stops, within SHUTDOWN_TIMEOUT_MS; also in the middle of `start`. */
  [Symbol.asyncDispose](): Promise<void>
}
