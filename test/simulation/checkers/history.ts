/**
 * What the clients of a simulated life asked and heard, in one order. Each call and each answer has
 * a step of its own, so that two at the same virtual moment still have an order: the one in which
 * they happened.
 */
import { assert, type ErrorCode } from '@kura/core'

export type OperationKind = 'put' | 'get' | 'stat'

/**
 * What an operation says about its key.
 *
 * - `ok`: a put was acknowledged; a get or a stat found the block.
 * - `not-found`: a get or a stat was told that there is no such block.
 * - `failed`: an error that says for certain that nothing was done, or no answer to a question.
 * - `unknown`: a put whose effect is open: it may have happened, may happen later, or never.
 */
export type Outcome = 'ok' | 'not-found' | 'failed' | 'unknown'

export interface HistoryEntry {
  readonly id: number
  readonly kind: OperationKind
  readonly key: number
  readonly client: number
  readonly frontend: number
  readonly invokedAtMs: number
  readonly invokedStep: number
  readonly endedAtMs: number
  /** Infinity while nothing was heard. */
  readonly endedStep: number
  readonly outcome: Outcome
  /** Whether the bytes of a get, or the size of a stat, were those of the key. */
  readonly isRight: boolean
  readonly code?: ErrorCode
}

export type History = readonly HistoryEntry[]

export type Call = Pick<HistoryEntry, 'id' | 'kind' | 'key' | 'client' | 'frontend'>
export type Answer = Pick<HistoryEntry, 'outcome' | 'code'> & { readonly isRight?: boolean }

export class HistoryRecorder {
  readonly #entries: HistoryEntry[] = []
  #step = 0

  /** Answers what is to be called with the answer, once. */
  invoke(call: Call, nowMs: number): (answer: Answer, nowMs: number) => void {
    const index = this.#entries.length
    const open: HistoryEntry = {
      ...call,
      invokedAtMs: nowMs,
      invokedStep: this.#nextStep(),
      endedAtMs: Infinity,
      endedStep: Infinity,
      outcome: call.kind === 'put' ? 'unknown' : 'failed',
      isRight: true,
    }
    this.#entries.push(open)
    return (answer, endedAtMs) => {
      assert(this.#entries[index] === open, 'an operation is answered once')
      const ended = { ...open, endedAtMs, endedStep: this.#nextStep() }
      this.#entries[index] = { ...ended, isRight: true, ...answer }
    }
  }

  /** What was not answered so far stays open in it. */
  read(): History {
    return [...this.#entries]
  }

  #nextStep(): number {
    this.#step += 1
    return this.#step
  }
}

/** In the order of first appearance. */
export function historyByKey(history: History): ReadonlyMap<number, History> {
  return Map.groupBy(history, ({ key }) => key)
}

/**
 * The keys that must be there from now on: acknowledged, or seen by someone. In ascending order.
 */
export function keysThatStand(history: History): readonly number[] {
  const keys = history.filter(({ outcome }) => outcome === 'ok').map(({ key }) => key)
  return [...new Set(keys)].sort((a, b) => a - b)
}

export function describeEntry(entry: HistoryEntry): string {
  const { id, kind, client, frontend, outcome, code, isRight } = entry
  const what = [outcome, code && `(${code})`, isRight ? '' : 'with wrong bytes']
  const when = `${entry.invokedAtMs.toFixed(3)}–${entry.endedAtMs.toFixed(3)} ms`
  const how = what.filter(Boolean).join(' ')
  return `#${id} ${kind} of client ${client} at frontend-${frontend}, ${when}: ${how}`
}
