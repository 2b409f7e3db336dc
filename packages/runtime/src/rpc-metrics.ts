/** What a service counts of the calls that it answers. */
import { ERROR_CODES, isErrorCode } from '@kura/core'
import type { MetricCells } from './metric-cells.ts'
import type { Counter, Histogram } from './metric-values.ts'
import type { Metrics } from './metrics.ts'

/** `ok` and every error code. */
export const CODES: readonly string[] = ['ok', ...Object.keys(ERROR_CODES)]

const FAULT_STATUS_MIN = 500

/**
 * Whether the code is there at 0 before it happens, so that its first time is seen as a rise: good
 * answers, and what is no fault of the caller.
 */
export function startsAtZero(code: string): boolean {
  if (!isErrorCode(code) || code === 'rate-limited') return true
  return ERROR_CODES[code].httpStatus >= FAULT_STATUS_MIN
}

interface Method {
  readonly localName: string
  readonly methodKind: string
}

export class RpcMetrics {
  readonly #calls: MetricCells<{ method: readonly string[]; code: readonly string[] }, Counter>
  readonly #durations: MetricCells<{ method: readonly string[] }, Histogram>
  readonly #unary: ReadonlySet<string>

  /** `methods` are those of the service's descriptor. */
  constructor(metrics: Metrics, methods: readonly Method[]) {
    const names = methods.map(({ localName }) => localName)
    const unary = methods.filter(({ methodKind }) => methodKind === 'unary')
    this.#unary = new Set(unary.map(({ localName }) => localName))
    this.#calls = metrics.counters({
      name: 'calls_total',
      help: 'Calls answered, by method and code.',
      labels: { method: names, code: CODES },
      startsWith: ({ code }) => code === 'ok' || code === 'internal',
    })
    this.#durations = metrics.histograms({
      name: 'call_duration_seconds',
      help: 'Time from a call to its answer, by method; watches, which last, are left out.',
      labels: { method: [...this.#unary] },
    })
  }

  observe(call: {
    readonly method: string
    readonly code: string
    readonly durationMs: number
  }): void {
    const { method, code } = call
    this.#calls.of({ method, code }).inc()
    if (this.#unary.has(method)) this.#durations.of({ method }).observe(call.durationMs / 1000)
  }
}
