/**
 * The loop of SQLite's own tests: fail the first I/O of an operation, then the second, and so on,
 * once and from there on for ever, until the operation ends without having met the fault.
 */
import { isChangingIo, type DiskIo, type IoWatcher } from './memory-disk.ts'
import type { FailedIo } from './memory-file.ts'

/** Far more I/O than any operation does: a loop that does not end is a bug. */
const NTH_MAX = 1000

export interface IoFault extends FailedIo {
  readonly name: string
  readonly lasts: 'once' | 'for-ever'
}

const FAILURES = [
  { name: 'EIO', code: 'EIO', isPartial: false },
  { name: 'ENOSPC', code: 'ENOSPC', isPartial: false },
  {
    name: 'EIO after half a write, or of a sync that lost its pages',
    code: 'EIO',
    isPartial: true,
  },
] as const

export const IO_FAULTS: readonly IoFault[] = FAILURES.flatMap((failure) =>
  (['once', 'for-ever'] as const).map((lasts) => ({ ...failure, lasts })),
)

/** Makes one fault befall the nth I/O that it watches, and those behind it if it lasts. */
export class FaultAtIo {
  readonly #fault: IoFault
  readonly #nth: number
  readonly #met: DiskIo[] = []
  #seenCount = 0

  constructor(fault: IoFault, nth: number) {
    this.#fault = fault
    this.#nth = nth
  }

  /** The I/O that failed. */
  get met(): readonly DiskIo[] {
    return this.#met
  }

  readonly watcher: IoWatcher = (io) => {
    if (!canMeet(io, this.#fault)) return undefined
    this.#seenCount += 1
    const isHit =
      this.#fault.lasts === 'once' ? this.#seenCount === this.#nth : this.#seenCount >= this.#nth
    if (!isHit) return undefined
    this.#met.push(io)
    return this.#fault
  }
}

function canMeet(io: DiskIo, { code, isPartial }: IoFault): boolean {
  if (isPartial) return ['file.write', 'file.sync', 'syncDirectory'].includes(io.kind)
  return code !== 'ENOSPC' || isChangingIo(io)
}

/** Runs `attempt` with the fault at each place; how often the fault was met. */
export async function failEachIo(
  fault: IoFault,
  attempt: (at: FaultAtIo) => Promise<void>,
): Promise<number> {
  for (let nth = 1; nth <= NTH_MAX; nth += 1) {
    const at = new FaultAtIo(fault, nth)
    try {
      await attempt(at)
    } catch (error) {
      const where = at.met.map(({ kind, path }) => `${kind} ${path}`)[0] ?? 'not met'
      const message = `${fault.name}, ${fault.lasts}, at I/O ${nth} (${where})`
      throw new Error(message, { cause: error })
    }
    if (at.met.length === 0) return nth - 1
  }
  throw new Error(`an operation that does more than ${NTH_MAX} I/Os`)
}
