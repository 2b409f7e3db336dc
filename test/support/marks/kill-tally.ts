/** How often a process was killed at each mark, and how long such a cycle took. */
import type { Mark } from '@kura/core'

export class KillTally {
  readonly #durationsMs = new Map<Mark, number[]>()

  constructor(marks: readonly Mark[]) {
    for (const mark of marks) this.#durationsMs.set(mark, [])
  }

  note(mark: Mark, durationMs: number): void {
    this.#durationsMs.get(mark)?.push(durationMs)
  }

  /** The marks with fewer kills than asked for. */
  short(killsMin: number): readonly Mark[] {
    return [...this.#durationsMs].flatMap(([mark, each]) => (each.length < killsMin ? [mark] : []))
  }

  /** Of one kill with all that is looked at behind it. */
  get fastestCycleMs(): number {
    return Math.min(...[...this.#durationsMs.values()].flat())
  }

  /** One line for each mark, and one for all. */
  describe(): string {
    const lines = [...this.#durationsMs].map(([mark, each]) => describeLine(mark, each))
    return [...lines, describeLine('all', [...this.#durationsMs.values()].flat())].join('\n')
  }
}

function describeLine(name: string, durationsMs: readonly number[]): string {
  const kills = `${durationsMs.length} kills`.padStart(9)
  return `${name.padEnd(36)}${kills}, median cycle ${Math.round(median(durationsMs))} ms`
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}
