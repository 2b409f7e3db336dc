import { describe, expect, it } from 'vitest'
import { summarise } from './summarise.ts'
import { makeSample } from './testing/samples.ts'

describe('a summary', () => {
  it('takes medians over the runs of a row, and its least and most', () => {
    const runs = [4, 2, 5].map((seconds, index) => makeSample({ seconds, run: index + 1 }))
    const [row, ...others] = summarise(runs)
    expect(others).toEqual([])
    expect(row?.runs).toBe(3)
    expect(row?.mibPerSecond).toEqual({ median: 100, least: 80, most: 200 })
    expect(row?.operationsPerSecond.median).toBe(25)
    expect(row?.latencyMs?.p50).toBeCloseTo(50, 0)
    expect(row?.latencyMs?.p99).toBeCloseTo(99, 0)
  })

  it('has processor seconds for each GiB, in all and by group', () => {
    const [row] = summarise([makeSample()])
    expect(row?.processorSecondsPerGib['total']).toBeCloseTo(2)
    expect(row?.processorSecondsPerGib['frontend']).toBeCloseTo(1.5)
  })

  it('names the largest process of each group', () => {
    const [row] = summarise([makeSample()])
    expect(row?.residentMib).toEqual({ frontend: 250, 'storage-node': 160 })
  })

  it('has what was asked again in any of the runs', () => {
    const runs = [0, 5, 0].map((retries, index) => makeSample({ retries, run: index + 1 }))
    expect(summarise(runs).map(({ retries }) => retries)).toEqual([5])
  })

  it('keeps systems apart', () => {
    const rows = summarise([makeSample(), makeSample({ system: 'ceph' })])
    expect(rows.map(({ system }) => system)).toEqual(['kura', 'ceph'])
  })
})
