/**
 * Gives memory back that V8 keeps for its next burst.
 *
 * A burst of requests grows the heap. What a collection then frees stays resident, in pages that V8
 * holds ready: after a flood more than a hundred MiB, for as long as the process has any work at
 * all. No statistic of V8 names them, so they are inferred: resident memory beyond the heap and
 * what the heap knows of outside itself. When that has grown, one collection of the kind that V8
 * makes for want of memory returns it. It takes tens of milliseconds, so it waits for a calm moment
 * unless much has gathered, and comes ever more rarely where it brings nothing.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MIB } from '@kura/core'
import type { Logger } from './logger.ts'
import { SystemClock } from './system-clock.ts'
import { Worker } from './worker.ts'

const INTERVAL_MS = 5_000
/** Growth that is worth a collection: while the process is calm, and in any case. */
const GROWTH_BYTES_CALM = 16 * MIB
const GROWTH_BYTES_MAX = 64 * MIB
/** Calm: less of one processor than this share. */
const CALM_LOAD = 0.2
const PAUSE_MS_MIN = 30_000
const PAUSE_MS_MAX = 600_000
/** What a collection must bring, or the next one waits twice as long. */
const GAIN_BYTES_MIN = 8 * MIB

export interface MemoryReading {
  readonly atMs: number
  readonly residentBytes: number
  /** Heap, and what it knows of outside itself. */
  readonly accountedBytes: number
  /** Of all threads since the start of the process. */
  readonly cpuMs: number
}

/** When to collect; pure but for what it remembers. */
export class TrimPolicy {
  #last: MemoryReading | undefined
  /** What is resident beyond the heap for good, as far as is known. */
  #keptBytes = Infinity
  #pauseMs = PAUSE_MS_MIN
  #notBeforeMs = 0
  #expectsGainFrom: number | undefined

  /** Whether now is the time; the caller collects at once. */
  isDue(reading: MemoryReading): boolean {
    const slackBytes = reading.residentBytes - reading.accountedBytes
    const isCalm = this.#isCalm(reading)
    this.#last = reading
    this.#judgeLast(slackBytes)
    if (reading.atMs < this.#notBeforeMs) return false
    const grownBytes = slackBytes - this.#keptBytes
    if (grownBytes < (isCalm ? GROWTH_BYTES_CALM : GROWTH_BYTES_MAX)) return false
    this.#expectsGainFrom = slackBytes
    return true
  }

  #isCalm({ atMs, cpuMs }: MemoryReading): boolean {
    if (this.#last === undefined) return false
    const elapsedMs = atMs - this.#last.atMs
    return elapsedMs > 0 && (cpuMs - this.#last.cpuMs) / elapsedMs < CALM_LOAD
  }

  /** The first reading after a collection says what it brought. */
  #judgeLast(slackBytes: number): void {
    this.#keptBytes = Math.min(this.#keptBytes, slackBytes)
    if (this.#expectsGainFrom === undefined || this.#last === undefined) return
    const gainBytes = this.#expectsGainFrom - slackBytes
    this.#expectsGainFrom = undefined
    this.#keptBytes = slackBytes
    const isWorthIt = gainBytes >= GAIN_BYTES_MIN
    this.#pauseMs = isWorthIt ? PAUSE_MS_MIN : Math.min(PAUSE_MS_MAX, 2 * this.#pauseMs)
    this.#notBeforeMs = this.#last.atMs + this.#pauseMs
  }
}

/** Watches this process until it is stopped. */
export function startHeapTrimmer(logger: Logger): Worker {
  const clock = new SystemClock()
  const policy = new TrimPolicy()
  const collect = findCollector()
  const worker = new Worker({
    name: 'heap-trimmer',
    intervalMs: INTERVAL_MS,
    clock,
    logger,
    step: async () => {
      const reading = readMemory(clock.monotonicMs())
      if (policy.isDue(reading)) {
        collect()
        const residentMib = Math.round(reading.residentBytes / MIB)
        logger.debug(
          { residentMib, durationMs: clock.monotonicMs() - reading.atMs },
          'heap trimmed',
        )
      }
      await Promise.resolve()
    },
  })
  worker.start()
  return worker
}

function readMemory(atMs: number): MemoryReading {
  const { rss, heapTotal, external } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  return {
    atMs,
    residentBytes: rss,
    accountedBytes: heapTotal + external,
    cpuMs: (user + system) / 1000,
  }
}

/** The flag puts `gc` into contexts made after it; nobody else gets to see it. */
function findCollector(): () => void {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  if (typeof gc !== 'function') return () => undefined
  return () => {
    gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  }
}
