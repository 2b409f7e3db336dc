/**
 * Whether processes that are not of the bench have run meanwhile. The kernel's own threads are left
 * out: they write back what the bench has written.
 */
import { readdirSync } from 'node:fs'
import { readProcessStat, type ProcessStat } from './load/process-stat.ts'

export type Processes = ReadonlyMap<number, ProcessStat>

export interface Disturber {
  readonly name: string
  readonly pid: number
  /** Of one processor. */
  readonly share: number
}

/** Less is what any machine does on its own account. */
const SHARE_MIN = 0.1
/** A shorter time says little: processor time comes in hundredths of a second. */
const LOOK_MS_MIN = 2_000
const KERNEL_THREADS_PID = 2

export class DisturbanceWatch {
  readonly #ours = new Set<number>([process.pid])
  #before = readProcesses()
  #lookedAtMs = performance.now()

  constructor() {
    addDescendants(this.#ours, this.#before)
  }

  /** Who took most since the look before; undefined where nobody took much, or it was just now. */
  look(): Disturber | undefined {
    const elapsedMs = performance.now() - this.#lookedAtMs
    if (elapsedMs < LOOK_MS_MIN) return undefined
    const after = readProcesses()
    addDescendants(this.#ours, after)
    const before = this.#before
    this.#before = after
    this.#lookedAtMs += elapsedMs
    return findDisturber({ before, after, ours: this.#ours, seconds: elapsedMs / 1_000 })
  }
}

export function findDisturber(looks: {
  readonly before: Processes
  readonly after: Processes
  readonly ours: ReadonlySet<number>
  readonly seconds: number
}): Disturber | undefined {
  const { before, after, ours, seconds } = looks
  const others = [...after].filter(([pid, { parentPid }]) => {
    return !ours.has(pid) && pid !== KERNEL_THREADS_PID && parentPid !== KERNEL_THREADS_PID
  })
  const disturbers = others.map(([pid, { name, processorSeconds }]) => {
    const spent = processorSeconds - (before.get(pid)?.processorSeconds ?? 0)
    return { name, pid, share: spent / seconds }
  })
  const [most] = disturbers.sort((one, other) => other.share - one.share)
  return most !== undefined && most.share >= SHARE_MIN ? most : undefined
}

/** Who was once of ours stays so: an orphan has another parent. */
export function addDescendants(ours: Set<number>, processes: Processes): void {
  for (let known = -1; known !== ours.size;) {
    known = ours.size
    for (const [pid, { parentPid }] of processes) if (ours.has(parentPid)) ours.add(pid)
  }
}

function readProcesses(): Processes {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return new Map(
    pids.flatMap((name) => {
      const stat = readProcessStat(Number(name))
      return stat === undefined ? [] : [[Number(name), stat] as const]
    }),
  )
}
