import { expect, test } from 'vitest'
import { findLost, findUntoldLoss } from './check-lost.ts'
import { HistoryRecorder, type History, type OperationKind, type Outcome } from './history.ts'

const READER = 0
const QUIET = {
  disks: [],
  closingVolumes: 0n,
  underReplicatedCount: 0n,
  damageCount: 0n,
  alarms: [],
}

type Heard = readonly [client: number, OperationKind, key: number, Outcome]

function historyOf(...heard: readonly Heard[]): History {
  const recorder = new HistoryRecorder()
  for (const [at, [client, kind, key, outcome]] of heard.entries()) {
    recorder.invoke({ id: at, client, kind, key, frontend: 1 }, at)({ outcome }, at)
  }
  return recorder.read()
}

test('what was acknowledged and cannot be read at the end is lost', () => {
  const put: Heard = [1, 'put', 7, 'ok']
  expect(findLost(historyOf(put, [READER, 'get', 7, 'ok']), READER)).toBeUndefined()
  for (const outcome of ['failed', 'not-found'] as const) {
    const lost = findLost(historyOf(put, [READER, 'get', 7, outcome]), READER)
    expect(lost).toMatchObject({ kind: 'lost', key: 7 })
  }
})

test('what one reading has shown is lost where the next one cannot', () => {
  const put: Heard = [1, 'put', 7, 'unknown']
  const seen: Heard = [2, 'get', 7, 'ok']
  expect(findLost(historyOf(put, seen, [READER, 'get', 7, 'failed']), READER)).toBeDefined()
  expect(findLost(historyOf(put, [READER, 'get', 7, 'not-found']), READER)).toBeUndefined()
})

test('an error of an earlier reader is no loss', () => {
  const history = historyOf([1, 'put', 7, 'ok'], [1, 'get', 7, 'failed'], [READER, 'get', 7, 'ok'])
  expect(findLost(history, READER)).toBeUndefined()
})

test('a loss that the status of the cell does not tell of is silent', () => {
  const lost = historyOf([1, 'put', 7, 'ok'], [READER, 'get', 7, 'failed'])
  expect(findUntoldLoss(lost, READER, QUIET)).toMatchObject({ kind: 'untold', key: 7 })
  expect(findUntoldLoss(lost, READER, undefined)).toMatchObject({ kind: 'untold' })
  expect(findUntoldLoss(lost, READER, { ...QUIET, underReplicatedCount: 1n })).toBeUndefined()
  expect(findUntoldLoss(lost, READER, { ...QUIET, alarms: ['no copy'] })).toBeUndefined()
  const kept = historyOf([1, 'put', 7, 'ok'], [READER, 'get', 7, 'ok'])
  expect(findUntoldLoss(kept, READER, QUIET)).toBeUndefined()
})
