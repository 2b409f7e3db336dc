/** Resident memory of processes, sampled: the most there was, and what there is at the end. */
import { readProcess } from '../load/process-look.ts'

const SAMPLE_INTERVAL_MS = 200

export interface WatchedProcess {
  /** E.g. `storage-node-1-3`. */
  readonly name: string
  readonly kind: string
  readonly pid: number
}

export interface ResidentMemory {
  readonly name: string
  readonly kind: string
  readonly peakBytes: number
  readonly endBytes: number
}

export class MemoryWatch {
  readonly #processes: readonly WatchedProcess[]
  readonly #peakBytes = new Map<string, number>()
  readonly #timer: NodeJS.Timeout
  #failure: Error | undefined
  sampleCount = 0

  constructor(processes: readonly WatchedProcess[]) {
    this.#processes = processes
    this.#sample()
    this.#timer = setInterval(() => this.#sample(), SAMPLE_INTERVAL_MS)
  }

  /** Throws where a process has died meanwhile. */
  end(): readonly ResidentMemory[] {
    clearInterval(this.#timer)
    this.#sample()
    if (this.#failure !== undefined) throw this.#failure
    return this.#processes.map(({ name, kind, pid }) => ({
      name,
      kind,
      peakBytes: this.#peakBytes.get(name) ?? 0,
      endBytes: readResidentBytes(pid),
    }))
  }

  #sample(): void {
    this.sampleCount += 1
    for (const { name, pid } of this.#processes) {
      try {
        const bytes = readResidentBytes(pid)
        this.#peakBytes.set(name, Math.max(bytes, this.#peakBytes.get(name) ?? 0))
      } catch (cause) {
        this.#failure ??= new Error(`${name} (process ${pid}) has died`, { cause })
      }
    }
  }
}

function readResidentBytes(pid: number): number {
  const look = readProcess(pid)
  if (look === undefined) throw new Error(`process ${pid} has no memory`)
  return look.residentBytes
}
