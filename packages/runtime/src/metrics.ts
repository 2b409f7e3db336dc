/**
 * The metrics of one service, under the names and in the text format of Prometheus. Our own are
 * `kura_<service>_<noun>_<unit>`: base units, counters end in `_total`. The service is in the name,
 * because a metric has one meaning and one set of labels: a request of the frontend is not one of a
 * storage node. `deploy/METRICS.md` has them all.
 */
import { Registry, collectDefaultMetrics } from 'prom-client'
import { assert, isKuraError } from '@kura/core'
import { observeEventLoopDelay } from './event-loop-delay.ts'
import { formatLabel, MetricCells, type LabelSets, type LabelValues } from './metric-cells.ts'
import { Counter, DURATION_BUCKETS_SECONDS, Histogram } from './metric-values.ts'
import { SystemClock } from './system-clock.ts'
import { KURA_VERSION } from './version.ts'

/** The library's own watch over the event loop, see below: as good as never. */
const NEVER_MS = 3_600_000
const NAME_PATTERN = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/
/**
 * Of the library's metrics: gauges whose names say that they are counters, and delays of the event
 * loop that each reading sets back, so that two readers would take them from each other.
 */
const LEFT_OUT = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_eventloop_lag_seconds',
  ...['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map(
    (what) => `nodejs_eventloop_lag_${what}_seconds`,
  ),
]

export interface MetricOptions {
  /** Without the prefix: `puts_total` becomes `kura_frontend_puts_total`. */
  readonly name: string
  readonly help: string
}

export interface LabelledOptions<S extends LabelSets> extends MetricOptions {
  /** The values of each label: codes, operations, states; nothing that a caller makes up. */
  readonly labels: S
  readonly startsWith?: (values: LabelValues<S>) => boolean
}

export interface HistogramOptions {
  /** Durations in seconds where it is not given. */
  readonly buckets?: readonly number[]
}

/** One registry per service, so that services composed in one process do not mix. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #prefix: string
  /** By full name, in the order of their making. */
  readonly #families = new Map<string, () => readonly string[]>()
  #isProcessWatched = false

  constructor(service: string) {
    this.#prefix = `kura_${service.replaceAll('-', '_')}_`
    const build = { service, version: KURA_VERSION, node: process.version }
    const labels = Object.entries(build).map(([name, value]) => formatLabel(name, value))
    const help = 'Always 1; what runs is in the labels.'
    this.#add('kura_build_info', { type: 'gauge', help }, () => [`{${labels.join(',')}} 1`])
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  counter(options: MetricOptions): Counter {
    return this.counters({ ...options, labels: {} }).of({})
  }

  counters<S extends LabelSets>(options: LabelledOptions<S>): MetricCells<S, Counter> {
    assert(options.name.endsWith('_total'), 'the name of a counter ends in _total')
    const cells = new MetricCells<S, Counter>({ ...options, create: () => new Counter() })
    this.#add(this.#prefix + options.name, { type: 'counter', help: options.help }, () =>
      [...cells.all()].map(({ labels, cell }) => `${braced(labels)} ${cell.value}`),
    )
    return cells
  }

  histogram(options: MetricOptions & HistogramOptions): Histogram {
    return this.histograms({ ...options, labels: {} }).of({})
  }

  histograms<S extends LabelSets>(
    options: LabelledOptions<S> & HistogramOptions,
  ): MetricCells<S, Histogram> {
    assert(!options.name.endsWith('_total'), 'only the name of a counter ends in _total')
    const { buckets = DURATION_BUCKETS_SECONDS } = options
    const cells = new MetricCells<S, Histogram>({
      ...options,
      create: () => new Histogram(buckets),
    })
    this.#add(this.#prefix + options.name, { type: 'histogram', help: options.help }, () =>
      [...cells.all()].flatMap(({ labels, cell }) => histogramLines(labels, cell)),
    )
    return cells
  }

  /** Read when somebody looks; a figure that cannot be had then, for a KuraError, is left out. */
  gauge(options: MetricOptions & { readonly read: () => number }): void {
    this.#addGauge(options, () => [` ${formatValue(options.read())}`])
  }

  /** As `gauge`, by one label: the value of each of its values. */
  gauges(
    options: MetricOptions & {
      readonly label: string
      readonly read: () => Readonly<Record<string, number>>
    },
  ): void {
    this.#addGauge(options, () =>
      Object.entries(options.read()).map(
        ([label, value]) => `{${formatLabel(options.label, label)}} ${formatValue(value)}`,
      ),
    )
  }

  /** One metric's part of the page, by its full name; nothing where this service has none such. */
  family(name: string): readonly string[] {
    return this.#families.get(name)?.() ?? []
  }

  /** The page that /metrics serves. */
  async text(): Promise<string> {
    const own = [...this.#families.values()].flatMap((lines) => lines())
    return `${own.join('\n')}\n\n${await this.#registry.metrics()}`
  }

  /** Adds processor, memory, garbage collection and event-loop delay, once. */
  watchProcess(): void {
    if (this.#isProcessWatched) return
    this.#isProcessWatched = true
    const delays = new Histogram(DURATION_BUCKETS_SECONDS)
    const about = { type: 'histogram', help: 'How late timers come: the event loop is busy.' }
    this.#add('kura_event_loop_delay_seconds', about, () => histogramLines('', delays))
    observeEventLoopDelay(delays, new SystemClock())
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: NEVER_MS })
    for (const name of LEFT_OUT) this.#registry.removeSingleMetric(name)
  }

  #addGauge(options: MetricOptions, lines: () => readonly string[]): void {
    assert(!options.name.endsWith('_total'), 'only the name of a counter ends in _total')
    this.#add(this.#prefix + options.name, { type: 'gauge', help: options.help }, () => {
      try {
        return lines()
      } catch (error) {
        if (isKuraError(error)) return []
        throw error
      }
    })
  }

  #add(
    name: string,
    about: { readonly type: string; readonly help: string },
    lines: () => readonly string[],
  ): void {
    assert(NAME_PATTERN.test(name), 'the name of a metric is words with underscores')
    assert(!this.#families.has(name), 'a service has a metric once')
    const head = [`# HELP ${name} ${about.help}`, `# TYPE ${name} ${about.type}`]
    this.#families.set(name, () => [...head, ...lines().map((line) => name + line)])
  }
}

/** What follows the name: `_bucket{…} 1` for each bound, `_sum{…} 0.2`, `_count{…} 1`. */
function histogramLines(labels: string, histogram: Histogram): readonly string[] {
  const buckets = histogram.cumulative()
  const before = labels === '' ? '' : `${labels},`
  return [
    ...buckets.map(
      ({ bound, count }) => `_bucket{${before}le="${formatValue(bound)}"} ${formatValue(count)}`,
    ),
    `_sum${braced(labels)} ${formatValue(histogram.sum)}`,
    `_count${braced(labels)} ${formatValue(buckets.at(-1)?.count ?? 0)}`,
  ]
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`
}

function formatValue(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}
