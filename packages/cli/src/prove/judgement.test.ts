import { expect, it } from 'vitest'
import { judge, type ProofCounts } from './judgement.ts'

const ENOUGH: ProofCounts = {
  written: 1_000,
  writtenBytes: 1_000_000,
  unknown: 3,
  readBack: 1_000,
  copiesRead: 3_000,
  copiesRight: 2_998,
  copiesDamaged: 1,
  copiesMissing: 1,
  copiesUnreachable: 0,
  notServed: 0,
  unanswered: 0,
  kills: 5,
  pauses: 1,
  cuts: 0,
  denied: 0,
  lost: 0,
  wrong: 0,
}
const KILLING = { mayKill: true, hindrances: [] }

function judged(changes: Partial<ProofCounts>, circumstances = KILLING) {
  return judge({ ...ENOUGH, ...changes }, circumstances)
}

it('enough blocks and kills without a loss are a proof, also where copies are being healed', () => {
  expect(judged({})).toEqual({ verdict: 'proven', reasons: [] })
})

it('a thousand blocks are the least', () => {
  expect(judged({ written: 999 })).toEqual({
    verdict: 'inconclusive',
    reasons: ['999 of at least 1000 blocks'],
  })
})

it('five kills are the least, only where it may kill', () => {
  expect(judged({ kills: 4 })).toMatchObject({ verdict: 'inconclusive' })
  const harmless = { mayKill: false, hindrances: [] }
  expect(judged({ kills: 0 }, harmless)).toMatchObject({ verdict: 'proven' })
})

it.each(['lost', 'wrong', 'denied'] as const)('one block %s is a failure, however few', (what) => {
  expect(judged({ [what]: 1 })).toMatchObject({ verdict: 'failed' })
  expect(judged({ [what]: 1, written: 3, kills: 0 })).toMatchObject({ verdict: 'failed' })
})

it('what nobody could say or read, or no frontend served, leaves doubts', () => {
  expect(judged({ unanswered: 1 })).toMatchObject({ verdict: 'inconclusive' })
  expect(judged({ notServed: 1 })).toMatchObject({ verdict: 'inconclusive' })
  expect(judged({ copiesUnreachable: 1 })).toMatchObject({ verdict: 'inconclusive' })
})

it('a run that could not do all it wanted is no proof', () => {
  const circumstances = { mayKill: true, hindrances: ['frontend-1 did not come back'] }
  expect(judge(ENOUGH, circumstances)).toEqual({
    verdict: 'inconclusive',
    reasons: ['frontend-1 did not come back'],
  })
})
