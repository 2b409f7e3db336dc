import { expect, it } from 'vitest'
import { findGetOf, planChecks, planPeers } from './peer-rows.ts'

const all = planPeers({ isQuick: false, wants: () => true })

it('every get follows the put whose blocks it reads', () => {
  for (const stage of all.stages) {
    const gets = stage.filter(({ operation }) => operation === 'get')
    const reached = stage.flatMap((put, index) =>
      put.operation === 'put'
        ? stage.slice(index).filter((it) => it === findGetOf(put, stage))
        : [],
    )
    expect(reached).toEqual(gets)
  }
})

it('all rounds together check every row of the peer once', () => {
  const rounds = Array.from({ length: all.rounds }, (_, index) => index + 1)
  const checked = rounds.flatMap((run) =>
    all.stages.flatMap((stage) => planChecks(all, stage, run)),
  )
  expect(checked.map(({ name }) => name).sort()).toEqual(
    all.stages
      .flat()
      .map(({ name }) => name)
      .sort(),
  )
})

it('a get that is wanted brings its put along, and nothing else', () => {
  const wants = (row: string): boolean => row === 'get 4 KiB × 16'
  const names = planPeers({ isQuick: false, wants })
    .stages.flat()
    .map(({ name }) => name)
  expect(names).toEqual(['put 4 KiB × 16', 'get 4 KiB × 16'])
})

it('nobody wants a row: there is nothing to start', () => {
  expect(planPeers({ isQuick: false, wants: () => false }).stages).toEqual([])
})

it('a quick run has one round of two rows', () => {
  const quick = planPeers({ isQuick: true, wants: () => true })
  expect(quick).toMatchObject({ rounds: 1, isWhole: false })
  expect(quick.stages.flat()).toHaveLength(2)
})
