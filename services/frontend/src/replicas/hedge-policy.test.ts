import { expect, it } from 'vitest'
import { MIB } from '@kura/core'
import { HedgePolicy } from './hedge-policy.ts'

function policyWithHistory(loopDelayMs = 0): HedgePolicy {
  const policy = new HedgePolicy(() => loopDelayMs)
  for (let round = 1; round <= 100; round += 1) policy.add(4 * MIB, round)
  return policy
}

it('nothing is hedged before enough reads are known', () => {
  const policy = new HedgePolicy(() => 0)
  for (let round = 0; round < 63; round += 1) policy.add(1000, 10)
  expect(policy.delayMsFor(1000)).toBeUndefined()
  policy.add(1000, 10)
  expect(policy.delayMsFor(1000)).toBe(10)
})

it('the delay is the recent p95 of reads of that size', () => {
  const policy = policyWithHistory()
  expect(policy.delayMsFor(4 * MIB)).toBe(96)
  expect(policy.delayMsFor(1000)).toBeUndefined()
})

it('at most 2 % of reads are hedged', () => {
  const policy = policyWithHistory()
  let hedges = 0
  for (let read = 0; read < 1000; read += 1) {
    policy.delayMsFor(4 * MIB)
    if (policy.tryTake()) hedges += 1
  }
  expect(hedges).toBeGreaterThanOrEqual(19)
  expect(hedges).toBeLessThanOrEqual(20)
})

it('an idle time saves up only a few hedges', () => {
  const policy = policyWithHistory()
  for (let read = 0; read < 1000; read += 1) policy.delayMsFor(4 * MIB)
  let hedges = 0
  while (policy.tryTake()) hedges += 1
  expect(hedges).toBe(5)
})

it('a process that lags itself hedges nothing', () => {
  const policy = policyWithHistory(50)
  for (let read = 0; read < 100; read += 1) policy.delayMsFor(4 * MIB)
  expect(policy.tryTake()).toBe(false)
})

it('reads that are asked for together earn as many shares as they are', () => {
  const policy = policyWithHistory()
  policy.earn(49)
  expect(policy.tryTake()).toBe(false)
  policy.earn(2)
  expect(policy.tryTake()).toBe(true)
})
