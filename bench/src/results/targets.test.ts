import { describe, expect, it } from 'vitest'
import type { Sample } from './sample.ts'
import { judgeTargets, type Measured } from './targets.ts'
import { makeSample } from './testing/samples.ts'

function judge(name: string, samples: readonly Sample[]) {
  const found = judgeTargets(samples).find((each) => each.name === name)
  return {
    measured: found?.measured?.ratio,
    range: rangeOf(found?.measured),
    verdict: found?.verdict,
  }
}

const rangeOf = (measured: Measured | undefined) => measured && [measured.least, measured.most]

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
    expect(found).toMatchObject({ measured: operations / 100, verdict })
  })

  it('is measured against the better driver of the peer', () => {
    const samples = [peer('kura', 150), peer('ceph', 100), peer('ceph, rados bench', 120)]
    expect(judge(against, samples).measured).toBeCloseTo(1.25)
  })

  it('has the range of the single rounds', () => {
    const rounds = [150, 100, 200].map((operations, index) => ({
      ...peer('kura', operations),
      run: index + 1,
    }))
    const theirs = rounds.map((each) => ({ ...each, system: 'ceph' as const, operations: 100 }))
    expect(judge(against, [...rounds, ...theirs])).toEqual({
      measured: 1.5,
      range: [1, 2],
      verdict: 'must',
    })
  })

  it('takes the limit of the same file', () => {
    const limit = makeSample({
      part: 'limit',
      row: 'limit put 4 MiB',
      system: 'machine',
      operations: 0,
      bytes: 0,
      figures: { mibPerSecond: 200 },
    })
    const found = judge('fraction of the limit, put 4 MiB × 16', [makeSample(), limit])
    expect(found).toEqual({ measured: 0.5, range: [0.5, 0.5], verdict: 'missed' })
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
