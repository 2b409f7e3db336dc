import { describe, expect, it } from 'vitest'
import type { Sample } from './sample.ts'
import { summarise } from './summarise.ts'
import { judgeTargets } from './targets.ts'
import { makeSample } from './testing/samples.ts'

function judge(name: string, samples: readonly Sample[]) {
  const found = judgeTargets(summarise(samples)).find((each) => each.name === name)
  return { measured: found?.measured, verdict: found?.verdict }
}

const peer = (system: Sample['system'], operations: number): Sample =>
  makeSample({ part: 'peers', row: 'put 4 MiB × 16', system, operations })

describe('how good the store is', () => {
  const against = 'put 4 MiB × 16 against Ceph'

  it.each([
    [160, 'goal'],
    [130, 'must'],
    [129, 'missed'],
  ])('%i operations against 100 are %s', (operations, verdict) => {
    const found = judge(against, [peer('kura', operations), peer('ceph', 100)])
    expect(found).toEqual({ measured: operations / 100, verdict })
  })

  it('is measured against the better driver of the peer', () => {
    const samples = [peer('kura', 150), peer('ceph', 100), peer('ceph, rados bench', 120)]
    expect(judge(against, samples).measured).toBeCloseTo(1.25)
  })

  it('wants times to be short', () => {
    const found = judge('p99 over p50, put 4 MiB × 16', [makeSample()])
    expect(found.measured).toBeCloseTo(2, 1)
    expect(found.verdict).toBe('goal')
  })

  it('says what was not measured', () => {
    expect(judge(against, [peer('kura', 150)]).verdict).toBe('not measured')
  })
})
