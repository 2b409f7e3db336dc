import { MIB } from '@kura/core'
import { expect, it } from 'vitest'
import { judgeMemory } from './judge-memory.ts'
import type { MemoryResult } from './measure-memory.ts'

function result(changes: Partial<MemoryResult>): MemoryResult {
  const process_ = { endBytes: 100 * MIB, peakBytes: 200 * MIB }
  return {
    name: 'a load',
    clients: 64,
    slowClients: 0,
    seconds: 1,
    mibPerSecond: 100,
    putCount: 1,
    gotCount: 1,
    repeatedCount: 0,
    refusals: {},
    processes: [
      { ...process_, name: 'frontend-1', kind: 'frontend' },
      { ...process_, name: 'storage-node-1-1', kind: 'storage-node' },
    ],
    sampleCount: 5,
    oomKillCount: 0,
    ...changes,
  }
}

function missed(results: readonly MemoryResult[]): readonly string[] {
  return judgeMemory(results).flatMap(({ isKept, text }) => (isKept ? [] : [text]))
}

it('a load within its limits keeps every promise', () => {
  expect(missed([result({})])).toEqual([])
})

it('one process above its limit misses it, whatever it has at the end', () => {
  const node = { name: 'n', kind: 'storage-node', peakBytes: 201 * MIB, endBytes: MIB }
  const { processes } = result({})
  expect(missed([result({ processes: [...processes, node] })])[0]).toContain('201 of 200 MiB')
})

it('a kind that was not measured, a killed process and idle clients are no success', () => {
  expect(missed([result({ processes: [] })])).toHaveLength(2)
  expect(missed([result({ oomKillCount: 1 })])).toEqual(['a load: oom_kill 1'])
  expect(missed([result({ gotCount: 0 })])).toHaveLength(1)
})

it('a crowd has to keep 70 % of the best goodput of fewer clients', () => {
  const few = [result({ clients: 16, mibPerSecond: 80 }), result({})]
  expect(missed([...few, result({ clients: 320, mibPerSecond: 70 })])).toEqual([])
  expect(missed([...few, result({ clients: 320, mibPerSecond: 69 })])).toHaveLength(1)
})
