/**
 * No process outlives its stop by much. A timer ends one that waits, and can name what for; where
 * the event loop itself is blocked no timer fires, and a second thread kills the process instead.
 */
import { Worker } from 'node:worker_threads'
import type { Logger } from './logger.ts'

/** How much longer the second thread waits, so that the timer can tell more on a busy machine. */
const KILL_SLACK_MS = 1_000

/** Plain JavaScript, because a thread from a string needs no file beside the compiled ones. */
const KILL_LATER = `
const { deadlineMs } = require('node:worker_threads').workerData
setTimeout(() => process.kill(process.pid, 'SIGKILL'), deadlineMs)
`

/** Holds until the returned function is called. Ends the process with `exitCode`, or kills it. */
export function enforceStopDeadline(options: {
  readonly logger: Logger
  readonly deadlineMs: number
  readonly exitCode: number
}): () => void {
  const { logger, deadlineMs, exitCode } = options
  const timer = setTimeout(() => {
    const hanging = process.getActiveResourcesInfo()
    logger.error({ hanging, deadlineMs }, 'the stop hangs; leaving')
    process.exit(exitCode)
  }, deadlineMs)
  const killer = killLater(deadlineMs + KILL_SLACK_MS)
  killer.on('error', (error) => {
    // For want of memory, say: the timer is left.
    logger.warn({ reason: error.message }, 'no thread to watch the stop')
  })
  return () => {
    clearTimeout(timer)
    void killer.terminate()
  }
}

/** Started only with the stop, so that a process that runs has no thread for it. */
function killLater(deadlineMs: number): Worker {
  const worker = new Worker(KILL_LATER, {
    eval: true,
    workerData: { deadlineMs },
    // Options of this process are not for it: as a module the string would have no `require`.
    execArgv: [],
  })
  worker.unref()
  return worker
}
