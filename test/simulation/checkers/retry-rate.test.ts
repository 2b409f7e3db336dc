import { describe, expect, test } from 'vitest'
import { HistoryRecorder, type History } from './history.ts'
import { findRetryStorm } from './retry-rate.ts'

function historyOf(count: number): History {
  const recorder = new HistoryRecorder()
  for (let id = 0; id < count; id += 1) {
    const call = { id, kind: 'get', key: id, client: 1, frontend: 1 } as const
    recorder.invoke(call, 0)({ outcome: 'failed' }, 10_000)
  }
  return recorder.read()
}

function connect(count: number, everyMs: number) {
  return Array.from({ length: count }, (_, index) => {
    return { client: 1, frontend: 1, atMs: index * everyMs }
  })
}

describe('the rate of retries', () => {
  test('is a storm above a burst, the trickle of time, and what operations add', () => {
    // 10 first attempts, 1 token for them, a burst of 32, and 8 in the second that all this takes.
    expect(findRetryStorm(connect(51, 20), historyOf(10))).toBeUndefined()
    expect(findRetryStorm(connect(60, 17), historyOf(10))).toMatch(/^client 1 at frontend-1 conn/)
  })

  test('may go on for ever at eight a second', () => {
    expect(findRetryStorm(connect(300, 125), historyOf(1))).toBeUndefined()
    expect(findRetryStorm(connect(300, 100), historyOf(1))).toBeDefined()
  })
})
