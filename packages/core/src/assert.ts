/** Assertions stay on in production: a broken invariant stops the process, never the data. */

/** A bug was found. Not an operating error: never catch it, the supervisor restarts the process. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** For the last branch over a closed set. */
export function assertNever(value: never): never {
  throw new AssertionError(`not a member of its closed set: ${JSON.stringify(value)}`)
}
