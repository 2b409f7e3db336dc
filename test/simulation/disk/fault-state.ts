/** The faults that a disk has now, and how often each took effect. */
import type { DiskIo, FailedIo } from '@kura/testkit'
import type { DiskFault, DiskFaultKind } from './disk-fault.ts'

type CountedFault = Extract<DiskFault, { readonly times: number }>
type TimedFault = Extract<DiskFault, { readonly forMs: number }>
type CountedKind = CountedFault['kind']
type TimedKind = TimedFault['kind']

/** What the caller of an operation may see of it. */
const READS: readonly DiskIo['kind'][] = ['file.read', 'readFile']
/** What needs space that may not be there; allocated space is written without asking. */
const ALLOCATIONS: readonly DiskIo['kind'][] = ['create', 'makeDirectory']

export class FaultState {
  readonly #nowMs: () => number
  readonly #onEffect: (kind: DiskFaultKind) => void
  #counted: { readonly fault: CountedFault; left: number }[] = []
  readonly #timed = new Map<TimedKind, { readonly fault: TimedFault; readonly untilMs: number }>()

  constructor(options: {
    readonly nowMs: () => number
    readonly onEffect: (kind: DiskFaultKind) => void
  }) {
    this.#nowMs = options.nowMs
    this.#onEffect = options.onEffect
  }

  /** A timed fault replaces an earlier one of its kind. */
  add(fault: CountedFault | TimedFault): void {
    if ('times' in fault) this.#counted.push({ fault, left: fault.times })
    else this.#timed.set(fault.kind, { fault, untilMs: this.#nowMs() + fault.forMs })
  }

  heal(): void {
    this.#counted = []
    this.#timed.clear()
  }

  /** How an I/O is to fail, if it is: what the memory disk asks before each. */
  meet(io: DiskIo): FailedIo | undefined {
    if (READS.includes(io.kind) && this.#takeError('read', io.path)) return failed('EIO')
    if (ALLOCATIONS.includes(io.kind) && this.takesEffect('enospc')) return failed('ENOSPC')
    if (io.kind === 'file.write') return this.#meetWrite(io.path)
    if (io.kind === 'file.sync' || io.kind === 'syncDirectory') {
      return this.take('failed-sync') ? failed('EIO', { isPartial: true }) : undefined
    }
    return undefined
  }

  #meetWrite(path: string): FailedIo | undefined {
    if (this.#takeError('write', path)) return failed('EIO')
    return this.take('short-write') ? failed('EIO', { isPartial: true }) : undefined
  }

  /** Whether the next of these is due; counts it. */
  take(kind: Exclude<CountedKind, 'eio'>): boolean {
    return this.#use(({ fault }) => fault.kind === kind)
  }

  #takeError(on: 'read' | 'write', path: string): boolean {
    return this.#use(
      ({ fault }) => fault.kind === 'eio' && fault.on === on && path.includes(fault.path ?? ''),
    )
  }

  #use(matches: (entry: { readonly fault: CountedFault }) => boolean): boolean {
    if (this.#counted.length === 0) return false
    const entry = this.#counted.find(matches)
    if (entry === undefined) return false
    entry.left -= 1
    if (entry.left <= 0) this.#counted = this.#counted.filter((other) => other !== entry)
    this.#onEffect(entry.fault.kind)
    return true
  }

  /** Whether it lasts; counts that it did something. */
  takesEffect(kind: TimedKind): boolean {
    if (!this.isLasting(kind)) return false
    this.#onEffect(kind)
    return true
  }

  isLasting(kind: TimedKind): boolean {
    return this.#leftMs(kind) > 0
  }

  /** What an operation that would take `latencyMs` takes now. */
  stretch(latencyMs: number): number {
    if (this.#timed.size === 0) return latencyMs
    let stretchedMs = latencyMs
    const slow = this.#timed.get('slow')?.fault
    if (slow?.kind === 'slow' && this.takesEffect('slow')) stretchedMs *= slow.factor
    if (this.takesEffect('hung')) stretchedMs += this.#leftMs('hung')
    return stretchedMs
  }

  #leftMs(kind: TimedKind): number {
    return (this.#timed.get(kind)?.untilMs ?? 0) - this.#nowMs()
  }
}

function failed(code: string, { isPartial = false } = {}): FailedIo {
  return { code, isPartial }
}
