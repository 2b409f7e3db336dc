/**
 * While a simulation runs, errors that nobody handled are findings of the simulation, and of it
 * alone: a test runner would take them for its own.
 */
const EVENTS = ['unhandledRejection', 'uncaughtException'] as const

/** Answers what gives the errors back to whoever had them before. */
export function watchForBugs(report: (error: unknown) => void): () => void {
  const restores = EVENTS.map((event) => {
    const earlier = process.rawListeners(event) as ((error: unknown) => void)[]
    process.removeAllListeners(event)
    process.on(event, report)
    return () => {
      process.removeAllListeners(event)
      for (const listener of earlier) process.on(event, listener)
    }
  })
  return () => {
    for (const restore of restores) restore()
  }
}
