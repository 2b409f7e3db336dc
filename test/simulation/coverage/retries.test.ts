import { Metrics } from '@kura/runtime'
import { expect, test } from 'vitest'
import { Kernel } from '../kernel/kernel.ts'
import { LifeMetrics } from '../zone/life-metrics.ts'
import { BegunAgain, countRetries, RETRY_METRICS } from './retries.ts'

function frontend(): { readonly metrics: Metrics; readonly retry: (code: string) => void } {
  const metrics = new Metrics('frontend')
  const options = { name: 'put_retries_total', help: 'Puts that went on to another volume.' }
  const codes = ['extent-frozen', 'extent-full']
  const retries = metrics.counters({ ...options, labels: { code: codes } })
  return { metrics, retry: (code) => retries.of({ code }).inc() }
}

test('retries of all lives count, also of those that ended', () => {
  const kernel = new Kernel({ seed: 1, eventsMax: 10, virtualMsMax: 10 })
  const lives = new LifeMetrics(RETRY_METRICS)
  const [first, second] = [frontend(), frontend()]
  const scope = kernel.newScope('frontend-1')
  lives.add(scope, first.metrics)
  first.retry('extent-frozen')
  scope.end()
  first.retry('extent-frozen')
  lives.add(kernel.newScope('frontend-1'), second.metrics)
  second.retry('extent-full')
  expect(lives.living.map(({ name }) => name)).toEqual(['frontend-1'])
  expect(Object.fromEntries(countRetries(lives.counted(), 0))).toEqual({
    'retry:put.other-volume': 2,
    'retry:put.extent-frozen': 1,
  })
})

test('requests that no operation asked for are asked again by clients', () => {
  const requests = 'kura_frontend_requests_total'
  const samples = [
    { name: requests, labels: '{door="block",operation="putBlock",code="ok"}', value: 7 },
    { name: requests, labels: '{door="block",operation="getBlock",code="ok"}', value: 4 },
  ]
  expect(countRetries(samples, 9).get('retry:client.asked-again')).toBe(2)
  expect(countRetries(samples, 12).get('retry:client.asked-again')).toBeUndefined()
})

test('work on a volume that passes its mark again before its end began anew', () => {
  const again = new BegunAgain()
  again.pass('close.collected', { volumeId: 1 })
  again.pass('close.collected', { volumeId: 2 })
  again.pass('table.volume.closed', { volumeId: 1 })
  again.pass('table.repair.begun', { volumeId: 1 })
  expect(again.counts.size).toBe(0)
  again.pass('close.collected', { volumeId: 2 })
  expect(Object.fromEntries(again.counts)).toEqual({ 'close.collected-again': 1 })
})
