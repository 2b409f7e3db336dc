import type { ExtentId } from '@kura/core'
import type { Damage } from '@kura/extent'
import { DAMAGES_MAX } from './limits.ts'

export interface KnownDamage {
  readonly damage: Damage
  readonly foundAtMs: number
}

/**
 * Damages found on this disk since the process started, by reads, by the scrubber and by recovery.
 * In memory: a damage that still exists after a restart is found again.
 */
export class DamageList {
  readonly #byPlace = new Map<string, KnownDamage>()

  get count(): number {
    return this.#byPlace.size
  }

  /** True if this damage is news, as far as is remembered: beyond DAMAGES_MAX it always is. */
  add(damage: Damage, foundAtMs: number): boolean {
    const place = `${damage.extentId} ${damage.part} ${damage.offsetBytes}`
    if (this.#byPlace.has(place)) return false
    if (this.#byPlace.size < DAMAGES_MAX) this.#byPlace.set(place, { damage, foundAtMs })
    return true
  }

  /** Of each extent one before any gets a second: each is a reason to replace its copy. */
  newest(countMax: number): readonly KnownDamage[] {
    const newestFirst = [...this.#byPlace.values()].reverse()
    const ofEach = new Map<ExtentId, KnownDamage>()
    for (const known of newestFirst) {
      const { extentId } = known.damage
      if (!ofEach.has(extentId)) ofEach.set(extentId, known)
    }
    const first = new Set(ofEach.values())
    return [...first, ...newestFirst.filter((known) => !first.has(known))].slice(0, countMax)
  }
}
