/**
 * Goal: a frontend stays within 300 MiB and a storage node within 200, and a crowd is served.
 *
 * Method: the whole memory benchmark, a minute for each load, every measured process in a memory
 * cgroup that would end it if it grew without end.
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { judgeMemory, measureMemory, planMemoryLoads, type MemoryResult } from '@kura/bench'
import { afterAll, expect, test } from 'vitest'

const results: MemoryResult[] = []

test.each(planMemoryLoads('full'))(
  'memory stays within its limits for $seconds s with $name',
  async (load) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'kura-memory-'))
    const result = await measureMemory(load, { dataDir, hasCgroups: true, tell: () => undefined })
    results.push(result)
    expect(result.sampleCount).toBeGreaterThanOrEqual(load.seconds * 4)
    expect(result.oomKillCount).toBe(0)
    expect(judgeMemory([result]).filter((verdict) => !verdict.isKept)).toEqual([])
  },
)

test('with 320 clients goodput stays at 70 % of its peak or more', () => {
  const verdicts = judgeMemory(results)
  expect(verdicts.filter((verdict) => verdict.text.startsWith('goodput'))).toHaveLength(1)
  expect(verdicts.filter((verdict) => !verdict.isKept)).toEqual([])
})

afterAll(() => {
  for (const { text, isKept } of judgeMemory(results)) {
    process.stdout.write(`${isKept ? 'kept' : 'MISSED'}: ${text}\n`)
  }
})
