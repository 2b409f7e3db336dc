/**
 * What processes spend and have resident while a row runs. They are looked at once a second, and
 * one that dies keeps what it had at the last look; one that is started meanwhile joins.
 */
import { MIB } from '@kura/core'
import { readProcess, type ProcessLook } from './process-look.ts'

const INTERVAL_MS = 1_000

export interface WatchedProcess {
  /** Its row in the results, e.g. `storage-node-1-3`. */
  readonly name: string
  /** Processor seconds are added up by it, e.g. `storage-node`. */
  readonly group: string
  readonly pid: number
}

interface Watched extends WatchedProcess {
  /** What it had spent when the row began. */
  readonly spentBefore: number
  spent: number
  residentMib: number
}

export interface Spending {
  /** By group. */
  readonly processorSeconds: Readonly<Record<string, number>>
  /** The most, by name. */
  readonly residentMib: Readonly<Record<string, number>>
}

export class ProcessWatch {
  readonly #list: () => readonly WatchedProcess[]
  readonly #watched = new Map<number, Watched>()
  readonly #timer: NodeJS.Timeout

  /** `list` answers those that run at the time it is asked. */
  constructor(list: () => readonly WatchedProcess[]) {
    this.#list = list
    this.#look({ isFirst: true })
    this.#timer = setInterval(() => this.#look({ isFirst: false }), INTERVAL_MS)
  }

  end(): Spending {
    clearInterval(this.#timer)
    this.#look({ isFirst: false })
    const processorSeconds: Record<string, number> = {}
    const residentMib: Record<string, number> = {}
    for (const { name, group, spent, spentBefore, ...watched } of this.#watched.values()) {
      processorSeconds[group] = (processorSeconds[group] ?? 0) + spent - spentBefore
      residentMib[name] = Math.max(residentMib[name] ?? 0, watched.residentMib)
    }
    return { processorSeconds, residentMib }
  }

  #look({ isFirst }: { readonly isFirst: boolean }): void {
    for (const process_ of this.#list()) {
      const look = readProcess(process_.pid)
      if (look !== undefined) this.#note(process_, look, isFirst)
    }
  }

  #note(process_: WatchedProcess, look: ProcessLook, isFirst: boolean): void {
    const known = this.#watched.get(process_.pid)
    // One that was started meanwhile has spent all it has spent in this row.
    const watched: Watched = known ?? {
      ...process_,
      spentBefore: isFirst ? look.processorSeconds : 0,
      spent: 0,
      residentMib: 0,
    }
    watched.spent = look.processorSeconds
    watched.residentMib = Math.max(watched.residentMib, look.residentBytes / MIB)
    this.#watched.set(process_.pid, watched)
  }
}
