/** What is to happen, in the order of (time, chance, sequence). */
import type { ProcessScope } from './process-scope.ts'

export interface Event {
  atMs: number
  /** Of events of one moment the order is drawn; the sequence decides between equal draws. */
  tieBreak: number
  sequence: number
  readonly owner: ProcessScope
  /** Undefined once it is cancelled: it stays in the heap until its time. */
  callback: (() => void) | undefined
}

/** A binary heap; nothing is allocated but the events. */
export class EventHeap {
  readonly #events: Event[] = []

  get size(): number {
    return this.#events.length
  }

  peek(): Event | undefined {
    return this.#events[0]
  }

  push(event: Event): void {
    const events = this.#events
    let at = events.length
    events.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = events[parent] as Event
      if (isBefore(above, event)) break
      events[at] = above
      at = parent
    }
    events[at] = event
  }

  pop(): Event | undefined {
    const events = this.#events
    const first = events[0]
    const last = events.pop()
    if (last !== undefined && events.length > 0) this.#sink(last)
    return first
  }

  /** Puts the event where the first one was, and then down to its place. */
  #sink(event: Event): void {
    const events = this.#events
    const { length } = events
    let at = 0
    for (let child = 1; child < length; child = 2 * at + 1) {
      const right = child + 1
      if (right < length && isBefore(events[right] as Event, events[child] as Event)) child = right
      const below = events[child] as Event
      if (isBefore(event, below)) break
      events[at] = below
      at = child
    }
    events[at] = event
  }
}

function isBefore(one: Event, other: Event): boolean {
  if (one.atMs !== other.atMs) return one.atMs < other.atMs
  if (one.tieBreak !== other.tieBreak) return one.tieBreak < other.tieBreak
  return one.sequence < other.sequence
}
