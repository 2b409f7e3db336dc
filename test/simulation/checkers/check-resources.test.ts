import { expect, test } from 'vitest'
import { ResourceWatch, type ResourceReadings } from './check-resources.ts'

const SLABS = 'kura_frontend_slabs_used'
const QUEUE = 'kura_storage_node_queued_appends'

function readings(
  values: Readonly<Record<string, Readonly<Record<string, number>>>>,
  callCount = 0,
): ResourceReadings {
  const living = Object.entries(values).map(([name, figures]) => ({
    name,
    samples: (names: readonly string[]) =>
      Object.entries(figures)
        .filter(([metric]) => names.includes(metric))
        .map(([metric, value]) => ({ name: metric, labels: '', value })),
  }))
  return { living, callCount, connections: new Map([['frontend-3', 1]]) }
}

test('what is held now and then is no leak, also if never all of it is free at once', () => {
  const watch = new ResourceWatch()
  const busy = (slabs: number, queue: number): ResourceReadings =>
    readings({ 'frontend-1': { [SLABS]: slabs }, 'storage-node-1': { [QUEUE]: queue } }, slabs)
  expect(watch.look(busy(1, 0))).toBe(false)
  expect(watch.look(busy(0, 1))).toBe(true)
  expect(watch.violation()).toBeUndefined()
})

test('what is never free again is a leak, by process and figure', () => {
  const watch = new ResourceWatch()
  for (let times = 0; times < 3; times += 1) {
    const both = { 'frontend-1': { [SLABS]: 2 }, 'frontend-2': { [SLABS]: times } }
    expect(watch.look(readings(both))).toBe(false)
  }
  const message = `never back at zero: frontend-1 ${SLABS} is 2`
  expect(watch.violation()).toEqual({ kind: 'leak', message })
})

test('a call that nobody ends is a leak', () => {
  const watch = new ResourceWatch()
  expect(watch.look(readings({}, 1))).toBe(false)
  expect(watch.violation()?.message).toContain('calls under way is 1')
})

test('a connection that is counted and does not stand is a leak', () => {
  const watch = new ResourceWatch()
  const metric = 'kura_frontend_connections'
  expect(watch.look(readings({ 'frontend-3': { [metric]: 1 } }))).toBe(true)
  expect(watch.look(readings({ 'frontend-4': { [metric]: 1 } }))).toBe(false)
  expect(watch.violation()?.message).toContain('frontend-4 connections counted beyond')
})

test('a process that starts again counts anew', () => {
  const watch = new ResourceWatch()
  expect(watch.look(readings({ 'frontend-1': { [SLABS]: 2 } }))).toBe(false)
  expect(watch.look(readings({ 'frontend-1': { [SLABS]: 0 } }))).toBe(true)
})
