/** Each client has one operation in flight and starts the next when that is answered. */
import type { Operate } from './operations.ts'
import type { Stopwatch } from './stopwatch.ts'

export interface ClosedLoop {
  readonly operates: readonly Operate[]
  readonly seconds: number
  /** Ends it before its time. */
  readonly isEnough: () => boolean
  /** Takes the time of each operation that was answered well. */
  readonly stopwatch: Stopwatch
}

/** The seconds from the first request to the last answer. What is in flight at the end counts. */
export async function runClosedLoop(loop: ClosedLoop): Promise<number> {
  const startedAtMs = performance.now()
  const endsAtMs = startedAtMs + loop.seconds * 1000
  const runClient = async (operate: Operate): Promise<void> => {
    for (let nowMs = startedAtMs; nowMs < endsAtMs && !loop.isEnough();) {
      const isDone = await operate()
      const doneAtMs = performance.now()
      if (isDone) loop.stopwatch.recordMs(doneAtMs - nowMs)
      nowMs = doneAtMs
    }
  }
  await Promise.all(loop.operates.map(runClient))
  return (performance.now() - startedAtMs) / 1000
}
