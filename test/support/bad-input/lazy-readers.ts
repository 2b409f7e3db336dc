/** Callers who ask for more than the kernel takes for them, and read it slowly or not at all. */
import { setTimeout as sleep } from 'node:timers/promises'
import { KIB } from '@kura/core'
import { CUT, SILENCE, type Attempt, type BadInputCell } from './cell.ts'
import { RawCaller } from './raw-caller.ts'

/** Large blocks: together more than the kernel takes for a caller who never reads. */
const GETS = 4
/** Longer than the server's patience with one step of an answer. */
const NEVER_READ_MS = 6_000
/** The kernel took all answers, because most of them were refusals: nothing is held either. */
const TAKEN = 'taken by the kernel'

export interface LazyReading {
  /** Gets of the stored block, that many, from hello on. */
  readonly gets: (attempt: Attempt, count: number) => Buffer
  /** Whole answers in what was received. */
  readonly countAnswers: (received: Buffer) => number
}

export function lazyReaderCells(reading: LazyReading): readonly BadInputCell[] {
  return [
    lazyReaderCell('a slow reader', reading, async (caller) => await caller.readSlowly(4 * KIB)),
    lazyReaderCell('an answer that is never read', reading, async () => await sleep(NEVER_READ_MS)),
  ]
}

/** A caller who takes its answers as `wait` does, and at last what there is: it ends early. */
function lazyReaderCell(
  kind: string,
  { gets, countAnswers }: LazyReading,
  wait: (caller: RawCaller) => Promise<unknown>,
): BadInputCell {
  return {
    kind,
    isSlow: true,
    holdsBuffer: true,
    answers: [CUT, TAKEN],
    requestsEach: GETS,
    send: async (address, attempt) => {
      using caller = new RawCaller(address)
      await caller.write(gets(attempt, GETS))
      await wait(caller)
      const isAll = (received: Buffer): boolean => countAnswers(received) >= GETS
      const how = await caller.readRest(isAll)
      if (isAll(caller.received)) return TAKEN
      return how === 'end' ? CUT : SILENCE
    },
  }
}
