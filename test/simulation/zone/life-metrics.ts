/** What the processes of a simulated zone count, each in each of its lives. */
import type { Metrics } from '@kura/runtime'
import { parseSamples, type MetricSample } from '../coverage/metric-samples.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'

type Families = Pick<Metrics, 'family'>

/** A process that lives now. */
export interface LivingMetrics {
  readonly name: string
  readonly samples: (families: readonly string[]) => readonly MetricSample[]
}

export class LifeMetrics {
  readonly #counted: readonly string[]
  readonly #living = new Map<ProcessScope, Families>()
  readonly #ended: MetricSample[] = []

  /** `counted`: the metrics of which every life counts. */
  constructor(counted: readonly string[]) {
    this.#counted = counted
  }

  /** What a life has counted is read in the moment of its end. */
  add(scope: ProcessScope, metrics: Families): void {
    this.#living.set(scope, metrics)
    scope.onEnd(() => {
      this.#living.delete(scope)
      this.#ended.push(...samplesOf(metrics, this.#counted))
    })
  }

  get living(): readonly LivingMetrics[] {
    return [...this.#living].map(([{ name }, metrics]) => ({
      name,
      samples: (families) => samplesOf(metrics, families),
    }))
  }

  /** The counted metrics of all lives. */
  counted(): readonly MetricSample[] {
    const living = this.living.flatMap(({ samples }) => samples(this.#counted))
    return [...this.#ended, ...living]
  }
}

function samplesOf(metrics: Families, families: readonly string[]): readonly MetricSample[] {
  return families.flatMap((name) => parseSamples(metrics.family(name)))
}
