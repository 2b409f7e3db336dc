/** How a row of `micro` is measured: some operations in a closed loop, several times. */
import { MIB } from '@kura/core'
import { runClosedLoop } from '../load/closed-loop.ts'
import { ProcessWatch, type WatchedProcess } from '../load/process-watch.ts'
import { Stopwatch } from '../load/stopwatch.ts'
import type { PartContext } from '../part.ts'
import type { Sample, System } from '../results/sample.ts'

export interface MicroPlan {
  readonly runs: number
  readonly seconds: number
  /** Of the larger index. */
  readonly rowCount: number
  /** As in the names of rows. */
  readonly rowsName: string
  /** What is recovered, in records of 4 MiB; of small ones it is a quarter. */
  readonly recoveredBytes: number
}

export function planMicro(isQuick: boolean): MicroPlan {
  return isQuick
    ? { runs: 1, seconds: 0.5, rowCount: 100_000, rowsName: '100 k', recoveredBytes: 128 * MIB }
    : { runs: 3, seconds: 1.5, rowCount: 1_000_000, rowsName: '1 M', recoveredBytes: 512 * MIB }
}

export interface MicroRow {
  readonly row: string
  readonly system: System
  readonly run: number
  /** Bytes of each operation; 0 where it moves none. */
  readonly sizeBytes: number
  readonly seconds: number
  /** Each is done again and again, all of them at once. */
  readonly operates: readonly (() => Promise<void>)[]
  /** Ends it before its time. */
  readonly operationsMax?: number
  /** Processes that take part, beside this one. */
  readonly others?: readonly WatchedProcess[]
}

export async function measureRow(context: PartContext, micro: MicroRow): Promise<void> {
  const { row, system, run, sizeBytes, operationsMax = Infinity, others = [] } = micro
  const stopwatch = new Stopwatch()
  let begun = 0
  const operates = micro.operates.map((operate) => async () => {
    begun += 1
    await operate()
    return true
  })
  const isEnough = (): boolean => begun >= operationsMax
  const self = { name: 'bench', group: 'bench', pid: process.pid }
  const watch = new ProcessWatch(() => [self, ...others])
  let spending
  let seconds
  try {
    seconds = await runClosedLoop({ operates, seconds: micro.seconds, isEnough, stopwatch })
  } finally {
    spending = watch.end()
  }
  const operations = stopwatch.count
  const bytes = operations * sizeBytes
  const latency = stopwatch.latency()
  const what = { part: 'micro', row, system, run } as const
  const sample: Sample = {
    kind: 'sample',
    ...what,
    seconds,
    operations,
    bytes,
    latency,
    ...spending,
  }
  context.keep(sample)
  const rate = bytes === 0 ? '' : `${(bytes / MIB / seconds).toFixed(0)} MiB/s, `
  const perSecond = (operations / seconds).toFixed(0)
  context.tell(`${row}, run ${run}: ${rate}${perSecond}/s, p50 ${latency.p50Us} µs`)
}
