/** A database that is older than what rests on it, or gone. */
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { rebuildIndex } from '@kura/block-index'
import { assert } from '@kura/core'
import { temporaryDirectory } from '@kura/testkit'
import { Scenario } from './scenario.ts'
import { indexPath, readExtentIds, tablePath } from './stored-zone.ts'

const MANAGERS = ['volume-manager-1', 'volume-manager-2'] as const
const NODES = [1, 2, 3, 4, 5, 6]

/** All managers stop; the table is that of `image` when they start again. */
function bringTable(scenario: Scenario, image: Buffer): void {
  const release = scenario.end(MANAGERS)
  scenario.zone.databases.restore(tablePath(scenario.zone), image)
  release()
}

function tableImage({ zone }: Scenario): Buffer {
  const image = zone.databases.image(tablePath(zone))
  assert(image !== undefined, 'a zone has a table')
  return image
}

async function changeLeader(scenario: Scenario): Promise<void> {
  const { leader, follower } = scenario
  const release = scenario.end([leader])
  await scenario.until('the other one leads', () => scenario.leads(follower))
  release()
  await scenario.untilWhole()
}

/**
 * Interleaving 6, up to quarantine. Guards `#checkKnown` of the reconciler and what follows it for
 * an extent that the table does not know: it is told, kept as it is, and goes on to be read.
 */
test('extents that an older table does not know are alarmed and kept, and are read', async () => {
  await using scenario = await Scenario.start()
  const { zone } = scenario
  await scenario.putAll([11, 12, 13, 14])
  const older = tableImage(scenario)
  const known = new Set(
    scenario.volumes().flatMap(({ extents }) => extents.map(({ extentId }) => extentId)),
  )
  await scenario.ask((manager) => manager.closeVolumes({}))
  await scenario.untilWhole()
  await scenario.putAll([15, 16, 17, 18])
  const held = NODES.map((node) => readExtentIds(zone, node))
  const unknown = held.flat().filter((extentId) => !known.has(extentId))
  expect(unknown.length).toBeGreaterThanOrEqual(6)
  bringTable(scenario, older)
  await scenario.until('all are up', () => zone.isUp)
  await scenario.until('somebody leads', () => MANAGERS.some((name) => scenario.leads(name)))
  await scenario.pass(10_000)
  const alarms = (await scenario.status()).alarms.join('\n')
  for (const extentId of unknown) {
    expect(alarms).toContain(`has extent ${extentId}, which the table does not know`)
  }
  for (const [at, extentIds] of held.entries()) {
    expect(readExtentIds(zone, at + 1)).toEqual(expect.arrayContaining([...extentIds]))
  }
  await scenario.expectNothingLost()
})

/**
 * Interleaving 6, with disks that have obeyed a later leader. Guards `checkEpoch` of the heartbeat:
 * a table that is older than the disks makes nothing, until the right one is back.
 */
test('a table older than the epoch of its disks makes no volume and changes no disk', async () => {
  await using scenario = await Scenario.start()
  const { zone } = scenario
  await scenario.putAll([11, 12, 13])
  const older = tableImage(scenario)
  await changeLeader(scenario)
  await changeLeader(scenario)
  await scenario.putAll([14, 15, 16])
  const right = tableImage(scenario)
  const held = NODES.map((node) => readExtentIds(zone, node))
  bringTable(scenario, older)
  const births = scenario.marks.watch('table.volume.creating')
  await scenario.until('somebody leads', () => MANAGERS.some((name) => scenario.leads(name)))
  await scenario.pass(10_000)
  expect((await scenario.status()).alarms.join()).toContain('The table is older than the disks')
  expect(births.count).toBe(0)
  expect(NODES.map((node) => readExtentIds(zone, node))).toEqual(held)
  await scenario.expectNothingLost()
  bringTable(scenario, right)
  await scenario.expectWhole()
})

/**
 * Interleaving 7, up to the new incarnation. Guards `#openStore` of the block index, which never
 * makes a database, and `#compare` of the index watcher: an index that was made anew is not
 * trusted by anything that deletes until a person has answered for it.
 */
test('a lost index denies nothing, and made anew it has all blocks and waits for trust', async () => {
  await using scenario = await Scenario.start()
  await scenario.putAll([11, 12, 13, 14])
  await scenario.ask((manager) => manager.closeVolumes({}))
  await scenario.untilWhole()
  await scenario.putAll([15, 16])
  const release = scenario.end(['block-index-1'])
  scenario.zone.databases.lose(indexPath(scenario.zone))
  release()
  const gets = [
    scenario.begin('get', 11, { frontend: 1 }),
    scenario.begin('get', 15, { frontend: 2 }),
  ]
  const put = scenario.begin('put', 17)
  for (const get of gets) expect((await scenario.answerOf(get)).outcome).toBe('failed')
  expect((await scenario.answerOf(put)).outcome).toBe('unknown')
  const rebuilt = scenario.end(['block-index-1'])
  const trust = { from: 'rebuild', to: scenario.leader, method: 'TrustIndex' }
  const signature = scenario.holdMessages(trust)
  expect(await rebuild(scenario)).toBe(2)
  expect(signature.count).toBe(1)
  rebuilt()
  await scenario.untilWhole()
  expect((await scenario.status()).alarms.join()).toContain('not the trusted one')
  await scenario.expectNothingLost()
  signature.release()
  await scenario.pass(6_000)
  expect((await scenario.status()).alarms).toEqual([])
  await scenario.expectWhole()
})

/** As `block-index rebuild --apply` does, with the database on a real disk. Its incarnation. */
async function rebuild(scenario: Scenario): Promise<number> {
  await using folder = await temporaryDirectory()
  const { zone, kernel } = scenario
  const { scope, clock, rpc } = zone.shell('rebuild')
  const { signal } = new AbortController()
  const receipts: Awaited<ReturnType<typeof rebuildIndex>>[] = []
  kernel.schedule(scope, 0, () => {
    void rebuildIndex({
      config: { ...zone.configs.index(), dataDir: folder.path },
      coordinator: zone.coordination.open(scope),
      ...{ clock, rpc, signal },
      random: kernel.fork('rebuild'),
      tell: () => undefined,
      apply: true,
      leaveOutUnreadable: false,
    }).then((receipt) => receipts.push(receipt))
  })
  await scenario.until('the index is made anew', () => receipts.length > 0)
  const database = new Database(join(folder.path, 'block-index.sqlite'))
  database.pragma('journal_mode = delete')
  zone.databases.restore(indexPath(zone), database.serialize())
  database.close()
  return receipts[0]?.incarnation.number ?? 0
}
