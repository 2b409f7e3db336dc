import type { Clock, VolumeId } from '@kura/core'
import { AVOIDED_VOLUMES_MAX } from '../limits.ts'

/** Volumes that get no puts from this frontend for a while, after a failure it saw itself. */
export class AvoidedVolumes {
  readonly #untilMs = new Map<VolumeId, number>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get count(): number {
    this.#forgetPast()
    return this.#untilMs.size
  }

  avoid(volumeId: VolumeId, durationMs: number): void {
    this.#forgetPast()
    const untilMs = this.#clock.monotonicMs() + durationMs
    const known = this.#untilMs.get(volumeId)
    if (known === undefined && this.#untilMs.size >= AVOIDED_VOLUMES_MAX) return
    this.#untilMs.set(volumeId, Math.max(untilMs, known ?? 0))
  }

  has(volumeId: VolumeId): boolean {
    const untilMs = this.#untilMs.get(volumeId)
    return untilMs !== undefined && this.#clock.monotonicMs() < untilMs
  }

  #forgetPast(): void {
    const nowMs = this.#clock.monotonicMs()
    for (const [volumeId, untilMs] of this.#untilMs) {
      if (untilMs <= nowMs) this.#untilMs.delete(volumeId)
    }
  }
}
