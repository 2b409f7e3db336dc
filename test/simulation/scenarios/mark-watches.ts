/** What a scenario does at marks: counts them, acts at that very moment, or stops who passes. */
import { assert, type Mark } from '@kura/core'
import type { Kernel } from '../kernel/kernel.ts'
import type { ProcessName } from '../plan/plan.ts'
import { watchMarks } from '../zone/mark-watch.ts'

/** Who passes a mark, and about what. */
export interface Passing {
  readonly process?: ProcessName
  readonly volumeId?: number
  readonly extentId?: (extentId: number) => boolean
}

/** What marks are about, as far as a scenario asks. */
export interface About {
  readonly volumeId?: unknown
  readonly bucketId?: unknown
  readonly extentId?: unknown
}

/** Since it was watched for. */
export interface Passed {
  readonly count: number
}

export interface Hold {
  readonly isReached: boolean
  release(): void
}

interface Watch {
  readonly mark: Mark
  readonly passing: Passing
  readonly act: Act
}

type Act = (process: ProcessName, about: About) => void

export class MarkWatches implements Disposable {
  readonly #kernel: Kernel
  readonly #watches = new Set<Watch>()
  readonly #stop: () => void

  constructor(kernel: Kernel) {
    this.#kernel = kernel
    this.#stop = watchMarks((mark, fields) => this.#pass(mark, fields))
  }

  [Symbol.dispose](): void {
    this.#stop()
  }

  /** Counts how often the mark is passed from now on; `act` runs at that very moment. */
  watch(mark: Mark, passing: Passing = {}, act: () => void = () => undefined): Passed {
    let count = 0
    this.#watches.add({
      mark,
      passing,
      act: () => {
        count += 1
        act()
      },
    })
    return {
      get count() {
        return count
      },
    }
  }

  /** As `watch`, for the first time only, and told who it is. */
  once(mark: Mark, passing: Passing, act: Act): void {
    const watch: Watch = {
      ...{ mark, passing },
      act: (process, about) => {
        this.#watches.delete(watch)
        act(process, about)
      },
    }
    this.#watches.add(watch)
  }

  /**
   * Stops the process that passes the mark next. What it does without waiting for anything, it
   * still does: messages that leave at once are under way.
   */
  holdAt(mark: Mark, passing: Passing = {}): Hold {
    let release: (() => void) | undefined
    this.once(mark, passing, (process) => {
      const { current } = this.#kernel
      assert(current.name === process, 'who passes a mark runs')
      release = this.#kernel.hold(current)
    })
    return {
      get isReached() {
        return release !== undefined
      },
      release: () => release?.(),
    }
  }

  #pass(mark: Mark, fields: unknown): void {
    const { current } = this.#kernel
    if (!current.isAlive) return
    const name = current.name as ProcessName
    const about: About = fields ?? {}
    for (const watch of this.#watches) {
      if (watch.mark === mark && isMeant(watch.passing, name, about)) watch.act(name, about)
    }
  }
}

function isMeant(passing: Passing, name: ProcessName, about: About): boolean {
  if (passing.process !== undefined && passing.process !== name) return false
  if (passing.volumeId !== undefined && passing.volumeId !== about.volumeId) return false
  return passing.extentId === undefined || passing.extentId(Number(about.extentId))
}
