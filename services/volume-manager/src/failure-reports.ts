/**
 * What frontends saw fail: evidence, not orders. Kept in memory for a minute; a new leader starts
 * without it, and whatever is really wrong is seen again at once.
 */
import type { Clock, VolumeId } from '@kura/core'

/** How long a report counts. */
export const REPORT_WINDOW_MS = 60_000
/** Volumes and frontends remembered; a cell has a dozen open volumes. */
const VOLUMES_MAX = 1000
const REPORTERS_PER_VOLUME_MAX = 100

export class FailureReports {
  readonly #clock: Clock
  readonly #reporters = new Map<VolumeId, Map<string, number>>()
  readonly #saidFull = new Set<VolumeId>()
  #reportCloses: readonly number[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  noteFailure(volumeId: VolumeId, frontendId: string): void {
    const reporters = this.#reporters.get(volumeId) ?? new Map<string, number>()
    if (reporters.size >= REPORTERS_PER_VOLUME_MAX && !reporters.has(frontendId)) return
    if (this.#reporters.size >= VOLUMES_MAX && !this.#reporters.has(volumeId)) return
    reporters.set(frontendId, this.#clock.monotonicMs())
    this.#reporters.set(volumeId, reporters)
  }

  noteFull(volumeId: VolumeId): void {
    if (this.#saidFull.size < VOLUMES_MAX) this.#saidFull.add(volumeId)
  }

  /** Distinct frontends that saw the volume fail within the window. */
  reporterCount(volumeId: VolumeId): number {
    const since = this.#clock.monotonicMs() - REPORT_WINDOW_MS
    const times = [...(this.#reporters.get(volumeId)?.values() ?? [])]
    return times.filter((atMs) => atMs >= since).length
  }

  isSaidFull(volumeId: VolumeId): boolean {
    return this.#saidFull.has(volumeId)
  }

  noteReportClose(): void {
    this.#reportCloses = [...this.#recentCloses(), this.#clock.monotonicMs()]
  }

  /** Volumes closed on reports alone within the last minute. */
  recentReportCloses(): number {
    return this.#recentCloses().length
  }

  forget(volumeId: VolumeId): void {
    this.#reporters.delete(volumeId)
    this.#saidFull.delete(volumeId)
  }

  #recentCloses(): readonly number[] {
    const since = this.#clock.monotonicMs() - REPORT_WINDOW_MS
    return this.#reportCloses.filter((atMs) => atMs >= since)
  }
}
