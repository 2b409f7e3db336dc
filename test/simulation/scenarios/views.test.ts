/** Who sees only a part: a frontend with an old map, or cut off; a leader cut off, or new. */
import { expect, test } from 'vitest'
import { assert } from '@kura/core'
import { nodeName, Scenario } from './scenario.ts'

const NODES = [1, 2, 3, 4, 5, 6].map(nodeName)
const SILENCE_MS = 4_000
const SETTINGS = { silenceMs: SILENCE_MS, closeWaitMs: 500 }

/**
 * Interleaving 16. Guards `askPlacement`, in `findPlacement` and in the second look of a get, and
 * `unreadable` where nobody answers: what a map lacks is asked for, and is no word about a block.
 */
test('a block in a bucket that the map lacks is found, and never denied', async () => {
  await using scenario = await Scenario.start()
  const { leader } = scenario
  const before = scenario.openVolumes()
  const map = scenario.holdMessages({ from: leader, to: 'frontend-2', method: 'WatchCellMap' })
  await scenario.ask((manager) => manager.closeVolumes({}))
  await scenario.untilStored('others are open', () => {
    return scenario.openVolumes().filter((one) => !before.includes(one)).length >= 2
  })
  await scenario.putAll([11, 12, 13, 14], { frontend: 1 })
  expect(before).not.toContain(scenario.volumeOf(11).volumeId)
  expect(map.count).toBeGreaterThan(0)
  for (const key of [11, 12]) {
    expect((await scenario.get(key, { frontend: 2 })).outcome).toBe('ok')
  }
  const placements = { from: 'frontend-2', to: leader, method: 'GetPlacements' }
  const asked = scenario.holdMessages(placements)
  expect((await scenario.get(13, { frontend: 2 })).outcome).toBe('failed')
  expect(asked.count).toBeGreaterThan(0)
  asked.release()
  map.release()
  await scenario.expectWhole()
})

/**
 * Interleaving 19. Guards `REPORTERS_MIN` and `allowedReports` of the planner: one frontend is no
 * proof, and of many reports one volume is closed within a minute.
 */
test('a frontend that fails everywhere closes no volume, and two close one', async () => {
  await using scenario = await Scenario.start({ settings: { openVolumes: 3, openVolumesMax: 8 } })
  await scenario.putAll([11, 12, 13])
  const open = scenario.openVolumes()
  const ends = [scenario.cut('frontend-1', NODES)]
  await putInVain(scenario, 1)
  const reports = { process: scenario.leader, method: 'reportFailure', code: 'ok' }
  expect(scenario.countCalls(reports)).toBeGreaterThanOrEqual(open.length)
  expect(scenario.openVolumes()).toEqual(open)
  await scenario.putAll([14, 15, 16], { frontend: 2 })
  ends.push(scenario.cut('frontend-2', NODES))
  await putInVain(scenario, 2)
  const reported = scenario.volumes().filter(({ closeReason }) => closeReason === 'reported')
  expect(reported).toHaveLength(1)
  expect(scenario.openVolumes().length).toBeGreaterThanOrEqual(open.length)
  for (const end of ends) end()
  await scenario.expectWhole()
})

/**
 * Interleaving 20. Guards `findMassSilence` and `held` of the repair planner: who hears nothing
 * from several racks repairs only what has one copy left.
 */
test('a leader cut off from several racks repairs only what has one copy left', async () => {
  await using scenario = await Scenario.start({ settings: SETTINGS })
  await scenario.putAll([11, 12, 13, 14, 15, 16])
  const [first, second] = scenario.volumes()
  assert(first !== undefined && second !== undefined, 'two volumes are open')
  await scenario.ask((manager) => manager.closeVolumes({}))
  await scenario.untilWhole()
  const begun = [first, second].map(({ volumeId }) => {
    return scenario.marks.watch('table.repair.begun', { volumeId })
  })
  const away = [first.extents[0], second.extents[0]].map((extent) => nodeName(extent?.node ?? 0))
  const ends = [scenario.cut(scenario.leader, away)]
  await scenario.pass(3 * SILENCE_MS)
  expect((await scenario.status()).alarms.join()).toContain('2 of 6 disks in 2 racks are silent')
  expect(begun.map(({ count }) => count)).toEqual([0, 0])
  ends.push(scenario.cut(scenario.leader, [nodeName(first.extents[1]?.node ?? 0)]))
  await scenario.until('the last copy is not left alone', () => (begun[0]?.count ?? 0) > 0)
  await scenario.pass(SILENCE_MS)
  expect(begun[1]?.count).toBe(0)
  for (const end of ends) end()
  await scenario.expectWhole()
})

/**
 * Interleaving 20, the new leader. Guards `silenceMs` of the view, which counts from the take-over
 * where nothing was heard: a leader that knows nobody yet does not take everybody for dead.
 */
test('a new leader counts silence from its own take-over', async () => {
  await using scenario = await Scenario.start({ settings: SETTINGS })
  await scenario.putAll([11, 12, 13, 14])
  const { volumeId, extents } = scenario.volumeOf(11)
  await scenario.ask((manager) => manager.closeVolumes({}))
  await scenario.untilWhole()
  const { leader, follower } = scenario
  let begunAtMs = 0
  scenario.marks.once('table.repair.begun', { volumeId }, () => {
    begunAtMs = scenario.kernel.nowMs
  })
  const back = scenario.end([nodeName(extents[0]?.node ?? 0)])
  await scenario.pass(SILENCE_MS / 2)
  const release = scenario.end([leader])
  await scenario.until('the next leads', () => scenario.leads(follower))
  const ledFromMs = scenario.kernel.nowMs
  expect(begunAtMs).toBe(0)
  await scenario.until('it repairs', () => begunAtMs > 0)
  expect(begunAtMs - ledFromMs).toBeGreaterThanOrEqual(SILENCE_MS)
  back()
  release()
  await scenario.expectWhole()
})

/** Puts enough to meet every open volume; none of them is acknowledged. */
async function putInVain(scenario: Scenario, frontend: number): Promise<void> {
  const puts = [1, 2, 3].map((key) => scenario.begin('put', 100 * frontend + key, { frontend }))
  for (const put of puts) expect((await scenario.answerOf(put)).outcome).toBe('unknown')
  await scenario.pass(2_000)
}
