import { describe, expect, test } from 'vitest'
import { makePlan } from '../plan/make-plan.ts'
import type { Plan } from '../plan/plan.ts'
import { DEFAULT_SETTINGS } from '../plan/settings.ts'
import { mayNeedRepair } from './needless-repair.ts'

const closeWaitMs = DEFAULT_SETTINGS.silenceMs - 1
const kill = { id: 0, atMs: 0, kind: 'kill', process: 'storage-node-1' } as const
const jump = { id: 1, atMs: 0, kind: 'clock', process: 'volume-manager-1', jumpMs: 1 } as const

function planWith(faults: Plan['faults']): Plan {
  return { ...makePlan(1, 'survivable'), settings: { ...DEFAULT_SETTINGS, closeWaitMs }, faults }
}

describe('a repair', () => {
  test('is needless where a node was away for a moment only', () => {
    expect(mayNeedRepair(planWith([{ ...kill, restartAfterMs: 500 }, jump]))).toBe(false)
    expect(mayNeedRepair(planWith([]))).toBe(false)
  })

  test('may be needed after a long silence, a second one, or any other fault', () => {
    const short = { ...kill, restartAfterMs: 500 }
    expect(mayNeedRepair(planWith([{ ...kill, restartAfterMs: 5_000 }]))).toBe(true)
    expect(mayNeedRepair(planWith([short, { ...short, id: 1 }]))).toBe(true)
    expect(mayNeedRepair(planWith([{ id: 0, atMs: 0, kind: 'disk-heal', node: 1 }]))).toBe(true)
  })
})
