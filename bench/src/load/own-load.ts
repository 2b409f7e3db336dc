/** Our own driver: clients of one door in a closed loop, or operations that arrive at a rate. */
import { runClosedLoop } from './closed-loop.ts'
import { HashList } from './hash-list.ts'
import type { Findings, Load, WorkerOrders } from './load.ts'
import { openDoors } from './open-doors.ts'
import { runOpenLoop } from './open-loop.ts'
import { makeOperate, Tally } from './operations.ts'
import type { PreparedLoad } from './serve-orders.ts'
import { Stopwatch } from './stopwatch.ts'

export function prepareOwnLoad(
  orders: Extract<WorkerOrders, { readonly kind: 'load' }>,
): PreparedLoad<Findings> {
  const { load, endpoints } = orders
  const callers = { callers: load.clients, name: 'load', sizeBytesMax: load.sizeBytes }
  const open = openDoors(load.door, endpoints, callers)
  const stored = HashList.from(orders.stored)
  const acknowledged = new HashList()
  const got = new Uint8Array(stored.count)
  const run = async (seconds: number) => {
    const tally = new Tally()
    const stopwatch = new Stopwatch()
    const parts = { load, stored, acknowledged, got, tally }
    const operates = open.doors.map((door) => makeOperate(door, parts))
    const result = await runLoop(load, { operates, seconds, stopwatch, acknowledged })
    return { ...result, tally, stopwatch }
  }
  return {
    async warmUp() {
      if (load.warmUpSeconds > 0) await run(load.warmUpSeconds)
    },
    async measure() {
      const { seconds, figures, tally, stopwatch } = await run(load.seconds)
      return {
        seconds,
        operations: stopwatch.count,
        latency: stopwatch.latency(),
        acknowledged: acknowledged.toBytes(),
        got,
        retries: open.retries(),
        figures: { ...figures, ...figuresOf(load, tally) },
      }
    },
    close: open.close,
  }
}

async function runLoop(
  load: Load,
  parts: Omit<Parameters<typeof runClosedLoop>[0], 'isEnough'> & {
    readonly acknowledged: HashList
  },
): Promise<{ readonly seconds: number; readonly figures: Readonly<Record<string, number>> }> {
  const { arrivalsPerSecond } = load
  if (arrivalsPerSecond !== undefined) return await runOpenLoop({ ...parts, arrivalsPerSecond })
  const { sizeBytes, putBytesMax = Infinity } = load
  const isEnough = (): boolean => parts.acknowledged.count * sizeBytes >= putBytesMax
  return { seconds: await runClosedLoop({ ...parts, isEnough }), figures: {} }
}

function figuresOf(load: Load, tally: Tally): Readonly<Record<string, number>> {
  return {
    ...(load.pattern === 'mixed' ? { puts: tally.puts } : {}),
    ...(load.mayFail === true ? troublesOf(tally) : {}),
  }
}

/** `failed` and its parts, e.g. `failed unavailable`. */
function troublesOf({ failures, repeated }: Tally): Readonly<Record<string, number>> {
  const failed = [...failures.values()].reduce((sum, count) => sum + count, 0)
  const byCode = [...failures].map(([code, count]) => [`failed ${code}`, count])
  return { failed, repeated, ...Object.fromEntries(byCode) }
}
