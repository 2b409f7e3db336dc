import fc from 'fast-check'
import { BLOCK_SIZE_BYTES_MAX, KIB, MIB } from '@kura/core'
import { expect, it } from 'vitest'
import { clientKeyOf, type ClientKey } from './client-key.ts'
import { FairLine, LINE_QUANTUM_BYTES, type Waiting } from './fair-line.ts'

function client(name: string): ClientKey {
  return clientKeyOf({ remoteAddress: '127.0.0.1', name })
}

function lineOf(...groups: readonly (readonly [string, number, number])[]): FairLine<Waiting> {
  const line = new FairLine<Waiting>()
  for (const [name, count, sizeBytes] of groups) {
    for (let added = 0; added < count; added += 1) line.add({ client: client(name), sizeBytes })
  }
  return line
}

function serve(line: FairLine<Waiting>, count: number): Waiting[] {
  const served: Waiting[] = []
  while (served.length < count && line.serveNext((item) => served.push(item) > 0)) continue
  return served
}

function victimOf(line: FairLine<Waiting>, newcomer: string): ClientKey {
  return line.pickVictimClient(client(newcomer), { extraCount: 0, servedAtMs: () => 0 })
}

function countOf(served: readonly Waiting[], name: string): number {
  return served.filter((item) => item.client === client(name)).length
}

it('a long line of one client delays the others by one turn, not by its length', () => {
  const line = lineOf(['greedy', 60, 4 * MIB], ['one', 2, 4 * MIB], ['two', 2, 4 * MIB])
  const served = serve(line, 6)
  expect(countOf(served, 'one')).toBe(2)
  expect(countOf(served, 'two')).toBe(2)
})

it('who sends large blocks gets as many bytes as who sends small ones', () => {
  const line = lineOf(['large', 20, 4 * MIB], ['small', 400, 256 * KIB])
  const served = serve(line, 85)
  const bytes = (name: string): number =>
    served.reduce((sum, item) => sum + (item.client === client(name) ? item.sizeBytes : 0), 0)
  expect(Math.abs(bytes('large') - bytes('small'))).toBeLessThanOrEqual(4 * MIB)
})

it('a client that cannot be served now does not hold up the next one', () => {
  const line = lineOf(['full', 3, MIB], ['free', 1, MIB])
  const isFree = (item: Waiting): boolean => item.client === client('free')
  expect(line.serveNext(isFree)).toBe(true)
  expect(line.serveNext(isFree)).toBe(false)
  expect(line.size).toBe(3)
})

it('the newest of the longest lane has to go, and a newcomer only where it is as long', () => {
  const line = lineOf(['greedy', 3, 1], ['small', 1, 1])
  expect(victimOf(line, 'small')).toBe(client('greedy'))
  expect(victimOf(line, 'greedy')).toBe(client('greedy'))
  const even = lineOf(['first', 2, 1], ['second', 2, 1])
  expect(victimOf(even, 'second')).toBe(client('second'))
})

it('while two clients wait, neither gets more than the other by a quantum and a block', () => {
  const size = fc.integer({ min: 1, max: BLOCK_SIZE_BYTES_MAX })
  const sizes = fc.array(size, { minLength: 1, maxLength: 40 })
  const property = fc.property(sizes, sizes, (first, second) => {
    const line = new FairLine<Waiting>()
    for (const sizeBytes of first) line.add({ client: client('first'), sizeBytes })
    for (const sizeBytes of second) line.add({ client: client('second'), sizeBytes })
    const costs = { first: 0, second: 0 }
    while (line.countOf(client('first')) > 0 && line.countOf(client('second')) > 0) {
      const [item] = serve(line, 1)
      if (item === undefined) throw new Error('a line with items serves one')
      const name = item.client === client('first') ? 'first' : 'second'
      costs[name] += Math.max(item.sizeBytes, 64 * KIB)
    }
    const lead = Math.abs(costs.first - costs.second)
    expect(lead).toBeLessThanOrEqual(LINE_QUANTUM_BYTES + BLOCK_SIZE_BYTES_MAX)
    const left = line.size
    expect(serve(line, Infinity)).toHaveLength(left)
    expect(line.size).toBe(0)
  })
  fc.assert(property, { numRuns: 300 })
})
