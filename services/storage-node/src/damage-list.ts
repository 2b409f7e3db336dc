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

  newest(countMax: number): readonly KnownDamage[] {
    return [...this.#byPlace.values()].slice(-countMax).reverse()
  }
}
