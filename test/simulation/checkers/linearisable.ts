/**
 * Whether a history can be explained by operations that each took effect at one moment between its
 * call and its answer.
 *
 * A block is named by its hash, so that the content of a key is fixed, and nothing is deleted: a
 * key is absent, then live, for ever. For this model one comparison per key decides, where the
 * general problem needs a search.
 *
 * Write [c, e] for the call and the answer of an operation. A put with an unknown outcome has e =
 * ∞, since it may still take effect after its error, and may be left out. What failed for certain,
 * and gets and stats without an answer, say nothing about the key and are left out. The rest has
 *   S: what was answered with `ok` (puts, gets, stats), N: what was answered with `not-found`,
 *   P: puts, acknowledged or unknown.
 *
 * Claim: with S empty the history is linearisable. Otherwise it is so if and only if P is not
 * empty and
 *   max( min c over P, max c over N ) < min e over S.
 *
 * Necessary: let T be the moment at which the key becomes live. Some put takes effect at T, so that
 * T ≥ min c over P. All of N takes effect before T, after its call, so that T > max c over N. All
 * of S takes effect at T or later, before its answer, so that T < min e over S.
 * Sufficient: with S empty, leave out all unknown puts; N is right at any moment. Otherwise let p
 * be the put called first, and choose T between both sides. Then p may take effect at T: its call
 * is before T, and its answer is after T, because it is in S or has e = ∞. All of N may take effect
 * between its call and T. All other members of S are called before their answer and answered after
 * T, so that each has a moment at or after T; for a put the key is live already, which changes
 * nothing. Further unknown puts are left out. ∎
 *
 * Steps are unique, so that "before" is never in doubt. The test holds this to a brute-force
 * search.
 */
import { describeEntry, historyByKey, type History, type HistoryEntry } from './history.ts'

export interface HistoryViolation {
  readonly kind: 'wrong' | 'unlinearisable'
  readonly key: number
  readonly message: string
}

/** The first key, in the order of appearance, whose history cannot be. */
export function findHistoryViolation(history: History): HistoryViolation | undefined {
  const wrong = history.find(({ isRight, outcome }) => outcome === 'ok' && !isRight)
  if (wrong !== undefined) {
    return { kind: 'wrong', key: wrong.key, message: `wrong answer: ${describeEntry(wrong)}` }
  }
  for (const [key, entries] of historyByKey(history)) {
    const message = explainImpossible(entries)
    if (message !== undefined)
      return { kind: 'unlinearisable', key, message: `key ${key}: ${message}` }
  }
  return undefined
}

/** Why the history of one key is not linearisable; undefined where it is. */
export function explainImpossible(entries: History): string | undefined {
  const firstSeen = leastBy(withOutcome(entries, 'ok'), ({ endedStep }) => endedStep)
  if (firstSeen === undefined) return undefined
  const puts = entries.filter(({ kind, outcome }) => kind === 'put' && outcome !== 'failed')
  const firstPut = leastBy(puts, ({ invokedStep }) => invokedStep)
  if (firstPut === undefined || firstPut.invokedStep > firstSeen.endedStep) {
    return `${describeEntry(firstSeen)}, before any put that may have stored it`
  }
  const lastMissed = leastBy(withOutcome(entries, 'not-found'), ({ invokedStep }) => -invokedStep)
  if (lastMissed === undefined || lastMissed.invokedStep < firstSeen.endedStep) return undefined
  return `${describeEntry(firstSeen)}, and later ${describeEntry(lastMissed)}`
}

function withOutcome(entries: History, outcome: HistoryEntry['outcome']): History {
  return entries.filter((entry) => entry.outcome === outcome)
}

function leastBy(
  entries: History,
  rank: (entry: HistoryEntry) => number,
): HistoryEntry | undefined {
  let least: HistoryEntry | undefined
  for (const entry of entries) {
    if (least === undefined || rank(entry) < rank(least)) least = entry
  }
  return least
}
