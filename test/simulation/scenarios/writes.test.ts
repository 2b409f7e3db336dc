/** What a put meets between its copies and its answer. */
import { expect, test } from 'vitest'
import type { ProcessName } from '../plan/plan.ts'
import { blockOfKey } from '../plan/blocks.ts'
import { nodeName, Scenario } from './scenario.ts'
import { inForce } from './stored-zone.ts'

/** Of a block that is not short. */
const KEY = 7
const NODES: readonly ProcessName[] = [1, 2, 3, 4, 5, 6].map(nodeName)

/**
 * Interleaving 1, without compaction. Guards `uniteRecords` in the closing of a volume: what any
 * copy has is kept, whether the block index knows of it or not.
 */
test('a block whose insert is still under way survives the close of its volume', async () => {
  await using scenario = await Scenario.start()
  await scenario.putAll([1, 2, 3])
  const index = { from: 'frontend-1', to: 'block-index-1', method: 'RecordBlocks' }
  const insert = scenario.holdMessages(index)
  const put = scenario.begin('put', 4)
  await scenario.until('three copies and no row', () => insert.count === 1)
  // Or it would give up the call before the close has ended.
  const goOn = scenario.hold('frontend-1')
  const open = scenario.openVolumes()
  await scenario.ask((manager) => manager.closeVolumes({}))
  await scenario.untilStored('closed', () => open.every((it) => scenario.isSettled(it)))
  insert.release()
  goOn()
  expect((await scenario.answerOf(put)).outcome).toBe('ok')
  const volume = scenario.volumeOf(4)
  expect(open).toContain(volume.volumeId)
  expect(volume.state).toBe('closed')
  await scenario.expectWhole()
})

/**
 * Interleaving 2. Guards the state of a recovered extent in `UnsealedExtent`: frozen, in any
 * process, whatever a frontend with an old map still asks for.
 */
test('no put joins a volume between its stop and its seal, not even after a power cut', async () => {
  await using scenario = await Scenario.start()
  await scenario.putAll([1, 2, 3, 4])
  const { leader } = scenario
  const map = scenario.holdMessages({ from: leader, to: 'frontend-1', method: 'WatchCellMap' })
  const open = scenario.openVolumes()
  const collected = scenario.marks.watch('close.collected', {}, () => {
    if (collected.count === open.length) resume = scenario.hold(leader)
  })
  let resume: () => void = () => undefined
  scenario.tell((manager) => manager.closeVolumes({}))
  await scenario.until('stopped and listed', () => collected.count === open.length)
  scenario.end(NODES, 'lost')()
  await scenario.until('the nodes are back', () => areUp(scenario))
  const appends = scenario.marks.watch('extent.append.queued')
  const picks = scenario.marks.watch('put.picked', { process: 'frontend-1' })
  const put = scenario.begin('put', 5)
  await scenario.until('it tries all it knows', () => picks.count >= open.length)
  await scenario.pass(1_000)
  expect(appends.count).toBe(0)
  resume()
  await scenario.untilStored('closed', () => open.every((it) => scenario.isSettled(it)))
  map.release()
  expect((await scenario.answerOf(put)).outcome).toBe('ok')
  expect(open).not.toContain(scenario.volumeOf(5).volumeId)
  await scenario.expectWhole()
})

/**
 * Interleaving 2, with another leader in the middle. Guards the refusal of a frozen extent in
 * `UnsealedExtent.append`: who was stopped takes nothing more, whoever leads by then.
 */
test('no put joins a volume whose leader dies between its stop and its seal', async () => {
  await using scenario = await Scenario.start()
  await scenario.putAll([1, 2, 3, 4])
  const { leader, follower } = scenario
  const map = scenario.holdMessages({ from: leader, to: 'frontend-1', method: 'WatchCellMap' })
  const open = scenario.openVolumes()
  const extents = open.flatMap((volumeId) => scenario.volume(volumeId).extents)
  const stopped = new Set(extents.map(({ extentId }) => extentId))
  const collected = scenario.marks.watch('close.collected', {}, () => {
    if (collected.count === open.length) release = scenario.end([leader])
  })
  let release: () => void = () => undefined
  scenario.tell((manager) => manager.closeVolumes({}))
  await scenario.until('stopped and listed', () => collected.count === open.length)
  const passing = { extentId: (extentId: number) => stopped.has(extentId) }
  const appends = scenario.marks.watch('extent.append.queued', passing)
  const picks = scenario.marks.watch('put.picked', { process: 'frontend-1' })
  const put = scenario.begin('put', 5)
  await scenario.until('it tries all it knows', () => picks.count >= open.length)
  expect(scenario.leads(follower)).toBe(false)
  await scenario.untilStored('closed', () => open.every((it) => scenario.isSettled(it)))
  expect(scenario.leads(follower)).toBe(true)
  release()
  map.release()
  expect((await scenario.answerOf(put)).outcome).toBe('ok')
  expect(appends.count).toBe(0)
  await scenario.expectWhole()
})

/**
 * Interleaving 5. Guards `countTrusted` of `findExisting`: a row whose copies are out of reach
 * stands for nothing.
 */
test('a put stores a block anew while its only copies are out of reach', async () => {
  await using scenario = await Scenario.start()
  await scenario.putAll([1])
  const before = scenario.volumeOf(1)
  const release = scenario.end(inForce(before).map(({ node }) => nodeName(node)))
  expect((await scenario.get(1)).outcome).toBe('failed')
  await scenario.untilStored(
    'a volume opens on the others',
    () => scenario.openVolumes().length > 1,
  )
  expect((await scenario.put(1)).outcome).toBe('ok')
  expect(scenario.volumeOf(1).volumeId).not.toBe(before.volumeId)
  expect((await scenario.get(1, { frontend: 1 })).outcome).toBe('ok')
  expect((await scenario.get(1, { frontend: 2 })).outcome).toBe('ok')
  release()
  await scenario.expectWhole()
})

/**
 * Interleaving 5, with bytes that are gone for good. Guards `damaged.has` of `findExisting`: what
 * this frontend could not read is no reason to drop the bytes it is offered.
 */
test('a put stores a block anew whose every copy is damaged', async () => {
  await using scenario = await Scenario.start()
  await scenario.putAll([KEY])
  const before = scenario.volumeOf(KEY)
  await scenario.ask((manager) => manager.closeVolumes({}))
  await scenario.untilStored('closed', () => scenario.isSettled(before.volumeId))
  for (const { node, extentId } of inForce(before)) {
    const { medium } = scenario.zone.disk(node)
    const path = `extents/${extentId}.extent`
    const offset = medium.mediumContent(path).indexOf(blockOfKey(KEY).bytes)
    medium.flipBit(path, offset, 0)
  }
  expect((await scenario.get(KEY)).code).toBe('block-unreadable')
  expect((await scenario.put(KEY)).outcome).toBe('ok')
  expect(scenario.volumeOf(KEY).volumeId).not.toBe(before.volumeId)
  await scenario.expectNothingLost()
})

function areUp({ zone }: Scenario): boolean {
  return NODES.every((name) => zone.process(name).isReady)
}
