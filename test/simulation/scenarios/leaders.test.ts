/** Two leaders, and two who work on one volume. */
import { expect, test } from 'vitest'
import { assert } from '@kura/core'
import { nodeName, Scenario } from './scenario.ts'
import { inForce, readState, type StoredVolume } from './stored-zone.ts'

const SILENCE_MS = 4_000
const SETTINGS = { silenceMs: SILENCE_MS, closeWaitMs: 500 }

/** A volume with some blocks in it. */
async function fill(scenario: Scenario): Promise<StoredVolume> {
  await scenario.putAll([11, 12, 13, 14, 15, 16])
  return scenario.volumeOf(11)
}

async function fillAndClose(scenario: Scenario): Promise<StoredVolume> {
  const { volumeId } = await fill(scenario)
  await scenario.ask((manager) => manager.closeVolumes({}))
  await scenario.untilWhole()
  return scenario.volume(volumeId)
}

/**
 * Interleaving 8. Guards `assertNotStale` of the disk's epoch: what an earlier leader ordered, and
 * what arrives when a later one has been obeyed, is refused.
 */
test('orders of a leader that died are refused when they arrive after its successor', async () => {
  await using scenario = await Scenario.start()
  const { volumeId, extents } = await fill(scenario)
  const { leader, follower } = scenario
  const nodes = extents.map(({ node }) => nodeName(node))
  const seals = nodes.map((to) => {
    return scenario.holdMessages({ from: leader, to, method: 'SealExtent' })
  })
  scenario.tell((manager) => manager.closeVolumes({}))
  await scenario.until('all seals are ordered', () => seals.every(({ count }) => count > 0))
  const epoch = epochOf(scenario)
  const release = scenario.end([leader])
  await scenario.untilStored('the next closes it', () => scenario.isSettled(volumeId))
  expect(scenario.leads(follower)).toBe(true)
  expect(epochOf(scenario)).toBe(epoch + 1)
  const before = scenario.volume(volumeId)
  for (const seal of seals) seal.release()
  await scenario.pass(1_000)
  for (const process of nodes) {
    const call = { process, method: 'sealExtent', code: 'stale-epoch' }
    expect(scenario.countCalls(call)).toBe(1)
  }
  expect(scenario.volume(volumeId)).toEqual(before)
  release()
  await scenario.expectWhole()
})

/**
 * Interleaving 8, the leader that wakes up. Guards `lost` in `#leadCell` and the `close` after it:
 * whoever holds the table commits under an epoch that nobody else has read, lets it go once it has
 * heard of its fall, and the next one takes over behind that.
 */
test('a leader that sleeps through its fall keeps the table until it lets go', async () => {
  await using scenario = await Scenario.start()
  const { volumeId } = await fill(scenario)
  const { leader, follower } = scenario
  const asleep = scenario.marks.holdAt('close.completed', { process: leader, volumeId })
  const epochs: number[] = []
  scenario.marks.once('table.volume.closed', { volumeId }, () => epochs.push(epochOf(scenario)))
  scenario.tell((manager) => manager.closeVolumes({}))
  await scenario.until('it sleeps', () => asleep.isReached)
  const epoch = epochOf(scenario)
  scenario.zone.coordination.loseLeadership(`volume-manager-${scenario.cellId}`)
  await scenario.pass(5_000)
  expect(scenario.leads(follower)).toBe(false)
  expect(epochOf(scenario)).toBe(epoch)
  asleep.release()
  await scenario.untilStored('it is closed', () => scenario.isSettled(volumeId))
  await scenario.untilStored('somebody takes over', () => epochOf(scenario) === epoch + 1)
  expect(epochs).toEqual([epoch])
  await scenario.expectWhole()
})

/**
 * Interleaving 10, two repairs. Guards `#cancelLeftOrders` with `#endOrder`: what the order of a
 * dead leader builds is retired before its volume has another order, and may appear after that.
 */
test('a repair of a dead leader and that of its successor leave three copies', async () => {
  await using scenario = await Scenario.start({ settings: SETTINGS })
  const { volumeId, ...closed } = await fillAndClose(scenario)
  const lost = closed.extents[0]?.node ?? 0
  const { leader } = scenario
  const begun = scenario.marks.watch('table.repair.begun', { volumeId })
  const back = scenario.end([nodeName(lost)])
  const builder = scenario.marks.holdAt('extent.publish.before-link', {
    extentId: (extentId) => stateOf(scenario, volumeId, extentId) === 'building',
  })
  await scenario.until('a copy is about to appear', () => builder.isReached)
  const first = scenario.volume(volumeId)
  expect(first.orderId).not.toBe(0)
  const release = scenario.end([leader])
  await scenario.untilStored('the next repairs it', () => {
    return begun.count === 2 && scenario.isSettled(volumeId)
  })
  const second = scenario.volume(volumeId)
  builder.release()
  release()
  await scenario.pass(5_000)
  const built = first.extents.filter(({ state }) => state === 'building')
  expect(built).toHaveLength(1)
  for (const { extentId } of built) expect(stateOf(scenario, volumeId, extentId)).toBe('retired')
  expect(inForce(scenario.volume(volumeId))).toEqual(inForce(second))
  back()
  await scenario.expectWhole()
})

/**
 * Interleaving 10, closing against repair. Guards `finalPlacement` of the closing: an intent that
 * did not become a copy is retired with the commit, so that it is none when its builder ends late.
 */
test('a copy of a closing that appears during the repair of its volume is no copy', async () => {
  await using scenario = await Scenario.start({
    settings: { ...SETTINGS, closeWaitMs: SILENCE_MS - 500 },
  })
  const { volumeId, node, put } = await leaveOneBehind(scenario)
  const late = nodeName(node)
  const builder = scenario.marks.holdAt('extent.publish.before-link', {
    process: late,
    extentId: (extentId) => stateOf(scenario, volumeId, extentId) === 'building',
  })
  await scenario.until('a copy is about to appear', () => builder.isReached)
  const closing = scenario.volume(volumeId)
  expect(closing.state).toBe('closing')
  const release = scenario.end([scenario.leader])
  scenario.marks.once('repair.collected', { volumeId }, () => builder.release())
  await scenario.untilStored('it is repaired', () => {
    const { state, generation } = scenario.volume(volumeId)
    return state === 'closed' && generation > closing.generation && scenario.isSettled(volumeId)
  })
  const built = closing.extents.filter(({ state }) => state === 'building')
  expect(built).toHaveLength(1)
  for (const { extentId } of built) expect(stateOf(scenario, volumeId, extentId)).toBe('retired')
  expect((await scenario.answerOf(put)).outcome).toBe('ok')
  release()
  await scenario.expectWhole()
})

/**
 * A volume with a record that one of its nodes has not, and will not take any more: it stood still
 * when the record came, and lost its power.
 */
async function leaveOneBehind(scenario: Scenario) {
  // One after the other, or they would go to one volume, and the record to an empty one.
  for (const key of [11, 12, 13, 14, 21, 22, 23, 24]) await scenario.putAll([key])
  let found: { readonly volumeId: number; readonly node: number } | undefined
  scenario.marks.once('put.picked', { process: 'frontend-1' }, (_process, { bucketId }) => {
    const volume = scenario.volumes().find((one) => one.bucketId === bucketId)
    const node = volume?.extents[0]?.node
    if (volume === undefined || node === undefined) return
    found = { volumeId: volume.volumeId, node }
    scenario.hold(nodeName(node))
  })
  const synced = scenario.marks.watch('extent.append.after-sync')
  const put = scenario.begin('put', 15)
  await scenario.until('two have it', () => synced.count === 2)
  assert(found !== undefined, 'a put has a volume')
  scenario.end([nodeName(found.node)], 'lost')()
  return { ...found, put }
}

function epochOf({ zone }: Scenario): number {
  return readState(zone).epoch
}

function stateOf(scenario: Scenario, volumeId: number, extentId: number): string | undefined {
  return scenario.volume(volumeId).extents.find((one) => one.extentId === extentId)?.state
}
