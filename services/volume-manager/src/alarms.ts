/** Sentences for a person, each under a key so that a standing alarm is said once. */

/** Alarms standing at one time; more would not be read. */
export const ALARMS_MAX = 100

export class Alarms {
  readonly #sentences = new Map<string, string>()

  /** True where the alarm is new. */
  raise(key: string, sentence: string): boolean {
    const isNew = !this.#sentences.has(key)
    if (isNew && this.#sentences.size >= ALARMS_MAX) return false
    this.#sentences.set(key, sentence)
    return isNew
  }

  clear(key: string): void {
    this.#sentences.delete(key)
  }

  list(): readonly string[] {
    return [...this.#sentences.values()]
  }
}
