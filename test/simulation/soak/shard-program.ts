/**
 * A program: one shard of a soak. It runs its seeds one after the other, until it is told to stop
 * or the soak is gone, and tells of each before and after.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { loadRunPlan } from './load-run-plan.ts'
import { runSeed } from './run-seed.ts'
import { suiteOfSeed, type ShardMessage, type ShardOrder } from './shard-order.ts'
import { keepFailingPlan } from './shrink-failure.ts'

/** Failures of one shard that are shrunk; plans of further ones are kept as they were drawn. */
const FAILURES_SHRUNK_MAX = 5
const SHRINK_RUNS_MAX = 300
/** Lives of one process: a new one has to compile everything anew. */
const LIVES_MAX = 200

const order = JSON.parse(process.argv[2] ?? '{}') as ShardOrder
const runPlan = await loadRunPlan(order.runner)

let isStopping = false
let failureCount = 0
process.on('message', () => (isStopping = true))
process.on('disconnect', () => (isStopping = true))
// A terminal sends them to all processes at once. The soak hears them, too, and tells its shards.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => (isStopping = true))

const { until = Infinity } = order
let lives = 0

for (let seed = order.from; !isStopping && seed < until; seed += order.step) {
  if (lives === LIVES_MAX) {
    tell({ kind: 'renew', seed })
    break
  }
  lives += 1
  tell({ kind: 'begun', seed })
  const suite = suiteOfSeed(seed, order.suite)
  const result = await runSeed(seed, { suite, runPlan, nowMs: () => performance.now() })
  if (result.failure === undefined) tell({ kind: 'ended', result })
  else {
    failureCount += 1
    const planPath = await keepFailingPlan(
      { seed, suite, kind: result.failure.kind },
      {
        folder: order.plansFolder,
        runPlan,
        runsMax: failureCount > FAILURES_SHRUNK_MAX ? 0 : SHRINK_RUNS_MAX,
        onRun: () => tell({ kind: 'shrinking', seed }),
      },
    )
    tell({ kind: 'ended', result, planPath })
  }
  await turn()
}
if (process.connected) process.disconnect()

function tell(message: ShardMessage): void {
  if (process.connected) process.send?.(message)
}
