import { describe, expect, it } from 'vitest'
import { addDescendants, findDisturber, type Processes } from './disturbance.ts'
import { parseProcessStat } from './load/process-stat.ts'

function makeProcesses(all: readonly (readonly [number, string, number, number])[]): Processes {
  return new Map(
    all.map(([pid, name, parentPid, processorSeconds]) => {
      return [pid, { name, parentPid, processorSeconds }]
    }),
  )
}

describe('who disturbs the bench', () => {
  const before = makeProcesses([
    [10, 'bench', 1, 5],
    [20, 'editor', 1, 100],
    [30, 'kworker', 2, 0],
  ])
  const look = (editorSeconds: number) => {
    const after = makeProcesses([
      [10, 'bench', 1, 9],
      [11, 'frontend', 10, 8],
      [12, 'worker', 11, 8],
      [20, 'editor', 1, editorSeconds],
      [30, 'kworker', 2, 9],
    ])
    const ours = new Set([10])
    addDescendants(ours, after)
    return findDisturber({ before, after, ours, seconds: 10 })
  }

  it('is the process of others that took most, not one of the bench or of the kernel', () => {
    expect(look(104)).toEqual({ name: 'editor', pid: 20, share: 0.4 })
  })

  it('is nobody where others took little', () => {
    expect(look(100.5)).toBeUndefined()
  })

  it('is not an orphan of the bench', () => {
    const ours = new Set([10])
    addDescendants(ours, makeProcesses([[11, 'frontend', 10, 0]]))
    const after = makeProcesses([[11, 'frontend', 1, 9]])
    addDescendants(ours, after)
    expect(findDisturber({ before, after, ours, seconds: 10 })).toBeUndefined()
  })

  it('is read from stat, whatever its name holds', () => {
    const stat = `7 (a) b (c) S 3 7 7 0 -1 0 0 0 0 0 150 50 0 0 20 0 1 0 9 0 0`
    expect(parseProcessStat(stat)).toEqual({ name: 'a) b (c', parentPid: 3, processorSeconds: 2 })
  })
})
