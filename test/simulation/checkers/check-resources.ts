/**
 * Resources return to zero once nobody asks for anything. What works all the time, as heartbeats
 * and the scrubber do, holds some now and then: so each figure is looked at again and again until
 * it has been zero once. What was leaked never is.
 */
import type { EndViolation } from './end-violation.ts'
import type { LivingMetrics } from '../zone/life-metrics.ts'

/** What a living process counts of what it holds, by the name of the metric. */
const HELD = [
  'kura_frontend_held_bytes',
  'kura_frontend_slabs_used',
  'kura_frontend_admission_waiters',
  'kura_storage_node_slabs_used',
  'kura_storage_node_slab_waiters',
  'kura_storage_node_queued_appends',
  'kura_block_index_waiting_operations',
] as const

/** What a process counts as its accepted connections: neither more nor less than stand. */
const CONNECTIONS = ['kura_frontend_connections', 'kura_storage_node_block_connections'] as const

/** What each living process counts, and what the network between them knows. */
export interface ResourceReadings {
  readonly living: readonly LivingMetrics[]
  /** Calls under way. */
  readonly callCount: number
  /** By process, the connections to it that stand. */
  readonly connections: ReadonlyMap<string, number>
}

const CALLS = 'calls under way'
const MISCOUNTED = 'connections counted beyond those that stand'

export class ResourceWatch {
  /** By figure, what it was when it was seen last. */
  readonly #held = new Map<string, number>()
  readonly #wasZero = new Set<string>()

  /** Whether every figure has been zero by now. */
  look({ living, callCount, connections }: ResourceReadings): boolean {
    this.#note(CALLS, callCount)
    for (const { name, samples } of living) {
      if (this.#isSettled(name)) continue
      for (const { name: metric, labels, value } of samples(HELD)) {
        this.#note(`${name} ${metric}${labels}`, value)
      }
      const counted = samples(CONNECTIONS).reduce((sum, { value }) => sum + value, 0)
      this.#note(`${name} ${MISCOUNTED}`, counted - (connections.get(name) ?? 0))
    }
    return this.#held.size === 0
  }

  violation(): EndViolation | undefined {
    if (this.#held.size === 0) return undefined
    const rows = [...this.#held].map(([figure, value]) => `${figure} is ${value}`)
    return { kind: 'leak', message: `never back at zero: ${rows.join(', ')}` }
  }

  /** Whether all figures of a process that was looked at have been zero. */
  #isSettled(name: string): boolean {
    const isOf = (figure: string): boolean => figure.startsWith(`${name} `)
    return ![...this.#held.keys()].some(isOf) && [...this.#wasZero].some(isOf)
  }

  #note(figure: string, value: number): void {
    if (this.#wasZero.has(figure)) return
    if (value !== 0) {
      this.#held.set(figure, value)
      return
    }
    this.#held.delete(figure)
    this.#wasZero.add(figure)
  }
}
