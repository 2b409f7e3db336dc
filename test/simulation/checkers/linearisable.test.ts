import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HistoryRecorder, keysThatStand, type History, type HistoryEntry } from './history.ts'
import { explainImpossible, findHistoryViolation } from './linearisable.ts'

const SEED = 5
const OUTCOMES_OF = {
  put: ['ok', 'failed', 'unknown'],
  get: ['ok', 'not-found', 'failed'],
  stat: ['ok', 'not-found', 'failed'],
} as const

type Told = readonly [HistoryEntry['kind'], HistoryEntry['outcome'], number, number]

/** Operations with the steps of their call and of their answer. */
function historyOf(...operations: readonly Told[]): History {
  return operations.map(([kind, outcome, invokedStep, endedStep], id) => {
    const times = { invokedAtMs: invokedStep, endedAtMs: endedStep, invokedStep, endedStep }
    return { id, kind, outcome, key: 1, client: 1, frontend: 1, isRight: true, ...times }
  })
}

const explain = (...operations: readonly Told[]): string | undefined =>
  explainImpossible(historyOf(...operations))

describe('the history of a key', () => {
  test('a block that was acknowledged is found by every later get', () => {
    expect(explain(['put', 'ok', 1, 2], ['get', 'ok', 3, 4])).toBeUndefined()
    expect(explain(['put', 'ok', 1, 2], ['get', 'not-found', 3, 4])).toContain('not-found')
    expect(explain(['put', 'ok', 1, 2], ['stat', 'not-found', 3, 4])).toContain('not-found')
  })

  test('a get that overlaps the put may or may not find it', () => {
    expect(explain(['put', 'ok', 1, 4], ['get', 'not-found', 2, 3])).toBeUndefined()
    expect(explain(['put', 'ok', 1, 4], ['get', 'ok', 2, 3])).toBeUndefined()
    expect(explain(['put', 'ok', 1, 3], ['get', 'not-found', 2, 4])).toBeUndefined()
  })

  test('what one get has found no later one misses, although no put was acknowledged', () => {
    const put: Told = ['put', 'unknown', 1, 2]
    expect(explain(put, ['get', 'not-found', 3, 4], ['get', 'ok', 5, 6])).toBeUndefined()
    expect(explain(put, ['get', 'ok', 3, 4], ['get', 'not-found', 5, 6])).toContain('later')
    expect(explain(put, ['get', 'ok', 3, 6], ['get', 'not-found', 4, 5])).toBeUndefined()
  })

  test('nothing is found before its put, after a failed one, or without one', () => {
    expect(explain(['get', 'ok', 1, 2], ['put', 'ok', 3, 4])).toContain('before any put')
    expect(explain(['put', 'failed', 1, 2], ['get', 'ok', 3, 4])).toContain('before any put')
    expect(explain(['get', 'ok', 1, 2])).toContain('before any put')
  })

  test('errors and open questions are no answers', () => {
    const put: Told = ['put', 'ok', 1, 2]
    expect(explain(put, ['get', 'failed', 3, 4], ['get', 'failed', 5, Infinity])).toBeUndefined()
    expect(explain(['put', 'failed', 1, 2], ['get', 'not-found', 3, 4])).toBeUndefined()
  })

  test('any history of up to seven operations is judged as a search of all orders judges it', () => {
    let impossible = 0
    const property = fc.property(smallHistories, (history) => {
      const canBe = isLinearisableBySearch(history)
      if (!canBe) impossible += 1
      expect(explainImpossible(history) === undefined).toBe(canBe)
    })
    fc.assert(property, { seed: SEED, numRuns: 5_000 })
    expect(impossible).toBeGreaterThan(500)
    expect(impossible).toBeLessThan(4_500)
  })
})

describe('a history of many keys', () => {
  test('names the first key that cannot be, and what it answered', () => {
    const recorder = new HistoryRecorder()
    const call = (
      id: number,
      kind: HistoryEntry['kind'],
      key: number,
    ): ReturnType<typeof recorder.invoke> =>
      recorder.invoke({ id, kind, key, client: 1, frontend: 2 }, id)
    call(0, 'put', 7)({ outcome: 'ok' }, 0)
    call(1, 'put', 8)({ outcome: 'unknown', code: 'unknown-outcome' }, 1)
    call(2, 'get', 8)({ outcome: 'not-found', code: 'not-found' }, 2)
    expect(findHistoryViolation(recorder.read())).toBeUndefined()
    call(3, 'get', 7)({ outcome: 'not-found', code: 'not-found' }, 3)
    const violation = findHistoryViolation(recorder.read())
    expect(violation).toMatchObject({ kind: 'unlinearisable', key: 7 })
    expect(violation?.message).toContain('#3 get of client 1 at frontend-2')
  })

  test('wrong bytes are worse than anything', () => {
    const recorder = new HistoryRecorder()
    const call = { client: 1, frontend: 1, key: 3 }
    recorder.invoke({ ...call, id: 0, kind: 'get' }, 0)({ outcome: 'ok', isRight: false }, 1)
    expect(findHistoryViolation(recorder.read())).toMatchObject({ kind: 'wrong', key: 3 })
  })

  test('calls at one moment are in the order in which they happened', () => {
    const recorder = new HistoryRecorder()
    const call = { client: 1, frontend: 1, key: 3 }
    recorder.invoke({ ...call, id: 0, kind: 'put' }, 5)({ outcome: 'ok' }, 5)
    recorder.invoke({ ...call, id: 1, kind: 'get' }, 5)({ outcome: 'not-found' }, 5)
    expect(findHistoryViolation(recorder.read())).toMatchObject({ kind: 'unlinearisable' })
  })

  test('what was acknowledged or seen stands, an open put may not', () => {
    const recorder = new HistoryRecorder()
    const call = { client: 1, frontend: 1 }
    recorder.invoke({ ...call, id: 0, kind: 'put', key: 9 }, 0)({ outcome: 'ok' }, 1)
    recorder.invoke({ ...call, id: 1, kind: 'get', key: 2 }, 0)({ outcome: 'ok' }, 1)
    recorder.invoke({ ...call, id: 2, kind: 'put', key: 5 }, 0)
    expect(keysThatStand(recorder.read())).toEqual([2, 9])
    expect(recorder.read()[2]).toMatchObject({ outcome: 'unknown', endedStep: Infinity })
    const answer = recorder.invoke({ ...call, id: 3, kind: 'put', key: 6 }, 0)
    answer({ outcome: 'failed' }, 1)
    expect(() => answer({ outcome: 'ok' }, 2)).toThrow('once')
  })
})

/** Every way in which calls and answers of a few operations can follow each other. */
const smallHistories = fc
  .array(fc.record({ kind: fc.constantFrom('put', 'get', 'stat'), dice: fc.nat(2) }), {
    minLength: 1,
    maxLength: 7,
  })
  .chain((shapes) => {
    const steps = shapes.flatMap((_, index) => [index, index])
    return fc.tuple(fc.constant(shapes), fc.shuffledSubarray(steps, { minLength: steps.length }))
  })
  .map(([shapes, order]) => {
    const told = shapes.map(({ kind, dice }, index): Told => {
      const outcome = OUTCOMES_OF[kind][dice] ?? 'failed'
      return [kind, outcome, order.indexOf(index), order.lastIndexOf(index)]
    })
    return historyOf(...told)
  })

/**
 * The definition, without any thought: some order of the operations, which may leave out puts with
 * unknown outcome, keeps every operation after those that had been answered before its call, and
 * gives every answer that was given.
 */
function isLinearisableBySearch(history: History): boolean {
  const told = history.filter(({ outcome }) => outcome !== 'failed')
  return canFollow(told, { isLive: false })
}

function canFollow(rest: History, state: { readonly isLive: boolean }): boolean {
  if (rest.every(({ outcome }) => outcome === 'unknown')) return true
  return rest.some((next) => {
    const others = rest.filter((other) => other !== next)
    const isFirst = others.every(
      (other) => other.outcome === 'unknown' || other.endedStep > next.invokedStep,
    )
    if (!isFirst) return false
    if (next.kind === 'put') return canFollow(others, { isLive: true })
    return (next.outcome === 'ok') === state.isLive && canFollow(others, state)
  })
}
