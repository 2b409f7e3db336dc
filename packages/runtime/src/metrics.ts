import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

/** Ten times the library's default: its timer was a third of what an idle process costs. */
const LOOP_DELAY_SAMPLE_MS = 100

export type { Counter, Gauge, Histogram } from 'prom-client'

export interface MetricOptions<L extends string> {
  /** Without the prefix: `puts_total` becomes `kura_frontend_puts_total`. */
  readonly name: string
  readonly help: string
  /** Low cardinality only: codes, method names, states. */
  readonly labels?: readonly L[]
}

/** One registry per service, so that services composed in one process do not mix. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #prefix: string

  /** `processMetrics` adds processor, memory, garbage collection and event-loop delay. */
  constructor(service: string, options: { readonly processMetrics?: boolean } = {}) {
    this.#prefix = `kura_${service.replaceAll('-', '_')}_`
    if (options.processMetrics !== false) {
      const eventLoopMonitoringPrecision = LOOP_DELAY_SAMPLE_MS
      collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision })
    }
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  counter<L extends string = never>(options: MetricOptions<L>): Counter<L> {
    return new Counter(this.#settings(options))
  }

  /** `collect` is called before each reading and sets the gauge. */
  gauge<L extends string = never>(
    options: MetricOptions<L> & { readonly collect?: (gauge: Gauge<L>) => void },
  ): Gauge<L> {
    const collect = options.collect
    if (collect === undefined) return new Gauge(this.#settings(options))
    return new Gauge<L>({
      ...this.#settings(options),
      collect() {
        collect(this)
      },
    })
  }

  histogram<L extends string = never>(
    options: MetricOptions<L> & { readonly buckets?: readonly number[] },
  ): Histogram<L> {
    const buckets = options.buckets === undefined ? {} : { buckets: [...options.buckets] }
    return new Histogram({ ...this.#settings(options), ...buckets })
  }

  /** The page that /metrics serves. */
  async text(): Promise<string> {
    return await this.#registry.metrics()
  }

  #settings<L extends string>(options: MetricOptions<L>) {
    return {
      name: this.#prefix + options.name,
      help: options.help,
      labelNames: [...(options.labels ?? [])],
      registers: [this.#registry],
    }
  }
}
