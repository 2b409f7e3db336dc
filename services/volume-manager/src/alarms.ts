/** Sentences for a person, each under a key so that a standing alarm is said once. */

/** Alarms standing at one time; more would not be read. */
export const ALARMS_MAX = 100
/** Further ones that are counted, so that nobody takes the list for the whole. */
const UNLISTED_MAX = 10_000

export class Alarms {
  readonly #sentences = new Map<string, string>()
  readonly #unlisted = new Set<string>()

  /** True where the alarm is new. */
  raise(key: string, sentence: string): boolean {
    const isNew = !this.#sentences.has(key)
    if (isNew && this.#sentences.size >= ALARMS_MAX) {
      if (this.#unlisted.size < UNLISTED_MAX) this.#unlisted.add(key)
      return false
    }
    this.#sentences.set(key, sentence)
    this.#unlisted.delete(key)
    return isNew
  }

  clear(key: string): void {
    this.#sentences.delete(key)
    this.#unlisted.delete(key)
  }

  list(): readonly string[] {
    const sentences = [...this.#sentences.values()]
    if (this.#unlisted.size === 0) return sentences
    return [`${this.#unlisted.size} more alarms stand than are listed.`, ...sentences]
  }
}
