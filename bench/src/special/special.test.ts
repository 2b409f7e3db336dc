import { describe, expect, it } from 'vitest'
import type { Sample } from '../results/sample.ts'
import { judgeTargets } from '../results/targets.ts'
import { largeIndexRows } from './large-index.ts'
import { OVERLOAD_ROWS } from './overload.ts'
import { restartRows } from './restart.ts'
import { asSpecial, planSpecial, rateOf } from './special.ts'

const sample: Sample = {
  kind: 'sample',
  part: 'load',
  row: 'some row',
  system: 'kura',
  run: 1,
  seconds: 2,
  operations: 30,
  bytes: 0,
  processorSeconds: {},
  residentMib: {},
}

/** Names of targets that are measured where every special row has its ratio. */
function measuredTargets(isQuick: boolean): readonly string[] {
  const plan = planSpecial(isQuick)
  const rows = [...largeIndexRows(plan), ...restartRows(plan), ...OVERLOAD_ROWS]
  const figures = { ratio: 1, goodputShare: 1 }
  const samples = rows.map((row) => asSpecial({ ...sample, row, figures }, 1))
  return judgeTargets(samples)
    .filter(({ verdict }) => verdict !== 'not measured')
    .map(({ name }) => name)
}

describe('the special rows', () => {
  it('are those of the table where they are measured in full', () => {
    expect(measuredTargets(false)).toEqual([
      'goodput at 5× overload against the peak',
      '4 KiB puts with 1 M rows in the index against none',
      'start of a storage node with 100 sealed extents against 1',
    ])
  })

  it('are not taken for those of the table where they are shrunk', () => {
    expect(measuredTargets(true)).toEqual(['goodput at 5× overload against the peak'])
  })

  it('keep the figures of a load under their own part and number', () => {
    expect(asSpecial(sample, 3)).toEqual({ ...sample, part: 'special', run: 3 })
    expect(rateOf(sample)).toBe(15)
  })
})
