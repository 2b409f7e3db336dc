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

/** What each living process counts, and the calls between them that are under way. */
export interface ResourceReadings {
  readonly living: readonly LivingMetrics[]
  readonly callCount: number
}

const CALLS = 'calls under way'

export class ResourceWatch {
  /** By figure, what it was when it was seen last. */
  readonly #held = new Map<string, number>()
  readonly #wasZero = new Set<string>()

  /** Whether every figure has been zero by now. */
  look({ living, callCount }: ResourceReadings): boolean {
    this.#note(CALLS, callCount)
    for (const { name, samples } of living) {
      if (this.#isSettled(name)) continue
      for (const { name: metric, labels, value } of samples(HELD)) {
        this.#note(`${name} ${metric}${labels}`, value)
      }
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
