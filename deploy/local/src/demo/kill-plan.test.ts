import { expect, test } from 'vitest'
import { acknowledgedNeeded, killWeakness, shouldKill, type PutState } from './kill-plan.ts'

function state(changes: Partial<PutState>): PutState {
  const usual = {
    bytesDone: 0,
    bytesTotal: 1000,
    blocksDone: 0,
    blocksTotal: 1000,
    putsInFlight: 16,
  }
  return { ...usual, ...changes }
}

test('the kill waits for 30 % of the bytes and 16 puts in flight', () => {
  expect(shouldKill(state({ bytesDone: 299 }))).toBe(false)
  expect(shouldKill(state({ bytesDone: 300 }))).toBe(true)
  expect(shouldKill(state({ bytesDone: 300, putsInFlight: 15 }))).toBe(false)
})

test('the kill does not wait for company past 60 % of the bytes, nor among the last blocks', () => {
  expect(shouldKill(state({ bytesDone: 600, putsInFlight: 1 }))).toBe(true)
  const last = { bytesDone: 400, blocksDone: 990, putsInFlight: 3 }
  expect(shouldKill(state(last))).toBe(true)
})

test('a kill of a large tree that came late or met few puts is named as weak', () => {
  expect(killWeakness(state({ bytesDone: 500 }))).toBeUndefined()
  expect(killWeakness(state({ bytesDone: 710 }))).toMatch(/71 %/)
  expect(killWeakness(state({ bytesDone: 500, putsInFlight: 4 }))).toMatch(/only 4 puts/)
  expect(killWeakness(state({ bytesDone: 500, putsInFlight: 4, blocksTotal: 9 }))).toBeUndefined()
})

test('a hundred acknowledgements are needed, of a small tree half of what remained', () => {
  expect(acknowledgedNeeded(state({ blocksDone: 300 }))).toBe(100)
  expect(acknowledgedNeeded(state({ blocksTotal: 10, blocksDone: 3 }))).toBe(4)
  expect(acknowledgedNeeded(state({ blocksTotal: 3, blocksDone: 3 }))).toBe(0)
})
