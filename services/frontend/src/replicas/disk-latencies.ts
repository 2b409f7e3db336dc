import type { Clock, DiskUuid } from '@kura/core'
import { TRACKED_DISKS_MAX } from '../limits.ts'

const WEIGHT_OF_NEWEST = 0.2
/** What is known fades, so that a disk that was slow once is tried again. */
const HALF_LIFE_MS = 10_000
/** A failure counts as an answer that took so long. */
const FAILURE_LATENCY_MS = 1_000

interface Recent {
  readonly latencyMs: number
  readonly atMs: number
}

/** Recent latency by disk: a moving average that fades towards zero. */
export class DiskLatencies {
  readonly #recent = new Map<DiskUuid, Recent>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Milliseconds; undefined for a disk that was not used yet. */
  of(diskUuid: DiskUuid): number | undefined {
    const recent = this.#recent.get(diskUuid)
    if (recent === undefined) return undefined
    const ageMs = this.#clock.monotonicMs() - recent.atMs
    return recent.latencyMs * 0.5 ** (ageMs / HALF_LIFE_MS)
  }

  add(diskUuid: DiskUuid, durationMs: number): void {
    const known = this.of(diskUuid)
    if (known === undefined && this.#recent.size >= TRACKED_DISKS_MAX) this.#recent.clear()
    const latencyMs =
      known === undefined ? durationMs : known + WEIGHT_OF_NEWEST * (durationMs - known)
    this.#recent.set(diskUuid, { latencyMs, atMs: this.#clock.monotonicMs() })
  }

  addFailure(diskUuid: DiskUuid): void {
    this.#recent.set(diskUuid, {
      latencyMs: Math.max(FAILURE_LATENCY_MS, this.of(diskUuid) ?? 0),
      atMs: this.#clock.monotonicMs(),
    })
  }
}
