/**
 * Goal: lost metadata costs no acknowledged block. The replication table and the block index are
 * each rebuilt from the extents alone, and old backups of them are restored and made right by the
 * extents.
 *
 * Method: clients put into a zone, and backups are taken meanwhile. Everything is killed, both
 * databases are deleted, and each is rebuilt by its command, which is killed at some of its points
 * first. Then both are lost again, and the old backups restored. After each, a process of its own
 * reads every acknowledged block from the disks, and puts go on.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { KuraClient, ZoneMasterClient } from '@kura/client'
import type { BlockHash, Mark } from '@kura/core'
import type { LocalService } from '@kura/local'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { expectNothingLost, expectNothingWrong } from '../checkers/blocks-read-back.ts'
import { hashOf, makeBlock } from '../support/blocks.ts'
import { runKura } from '../support/kura-command.ts'
import { crashAt, receiptOf } from '../support/offline-command.ts'
import { PutLoad } from '../support/put-load.ts'
import { readBack } from '../support/read-report.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

const SIZES_BYTES = [3_000, 70_000, 4_096, 300_000, 1]
const PUTS = 40
const INDEX_DATABASE = 'block-index.sqlite'
const TABLE_DATABASE = 'replication-table.sqlite'

let scenario: ScenarioZone
let index: LocalService
let manager: LocalService
let master: LocalService
let others: readonly LocalService[]
const acknowledged = new Set<BlockHash>()

beforeAll(async () => {
  scenario = await startScenarioZone({ nodes: 4, restarts: false })
  const { zone } = scenario
  index = zone.service('block-index-1')
  manager = zone.service('volume-manager-1-1')
  master = zone.service('zone-master-1')
  others = zone.services.filter((service) => service !== index && service !== manager)
})

afterAll(async () => {
  await scenario[Symbol.asyncDispose]()
})

/** What has been acknowledged by then is expected to be found from then on. */
async function putUnderLoad(seed: string): Promise<void> {
  const { pocket, block } = scenario.zone.endpoints
  const client = new KuraClient({ servers: [block], pocket, timeoutMs: 30_000 })
  const load = new PutLoad({ client, clientCount: 8, seed, sizesBytes: SIZES_BYTES })
  load.start()
  await load.acknowledgedMore(PUTS)
  await load.stop()
  await client.close()
  for (const hash of load.acknowledged) acknowledged.add(hash)
}

async function expectAllFound(): Promise<void> {
  const report = await readBack(scenario.zone, acknowledged)
  expectNothingLost(report, acknowledged)
  expectNothingWrong(report)
  expect(report.right).toBe(acknowledged.size)
}

function backupOf(service: LocalService): string {
  return join(scenario.zone.dataDir, `backup of ${service.name}`)
}

async function takeBackup(service: LocalService) {
  return receiptOf(await service.run(['backup', backupOf(service)]))
}

async function lose(service: LocalService, database: string): Promise<void> {
  for (const suffix of ['', '-wal']) {
    await rm(join(service.dataDir, database + suffix), { force: true })
  }
}

/** Runs a command that dies at the point, and leaves the place without a database. */
async function runCut(service: LocalService, args: readonly string[], at: Mark): Promise<void> {
  const cut = await service.run([...args, '--apply'], { environment: crashAt(at) })
  expect(cut.signal, cut.stderr).toBe('SIGKILL')
}

async function apply(service: LocalService, args: readonly string[]) {
  const receipt = receiptOf(await service.run([...args, '--apply']))
  expect(receipt['applied']).toBe(true)
  service.start()
  return receipt
}

it('backups are taken while puts go on', async () => {
  await putUnderLoad('before the backups')
  const underLoad = putUnderLoad('during the backups')
  const genesis = { incarnation: { number: 1 } }
  expect(await takeBackup(index)).toMatchObject({ kind: 'block-index', ...genesis })
  expect(await takeBackup(manager)).toMatchObject({ kind: 'replication-table', ...genesis })
  expect(await takeBackup(master)).toMatchObject({ kind: 'zone-registry', ...genesis })
  await underLoad
  await putUnderLoad('after the backups')
})

it('what runs is not rebuilt, and a preview changes nothing', async () => {
  for (const service of [index, manager]) {
    const refused = await service.run(['rebuild', '--apply'])
    expect(refused).toMatchObject({ exitCode: 1 })
    expect(refused.stderr).toContain('(locked)')
  }
  await index.kill()
  const { code, out, err } = await runKura(scenario.zone, ['rebuild', 'block-index'])
  expect(code, err).toBe(0)
  expect(JSON.parse(out.toString())).toMatchObject({
    applied: false,
    cells: 1,
    incarnation: { number: 2 },
  })
  expect(existsSync(join(index.dataDir, 'replaced-1'))).toBe(false)
})

it('with both lost, the table is rebuilt and then the index, whatever cuts them short', async () => {
  await Promise.all(scenario.zone.services.map((service) => service.kill()))
  await lose(index, INDEX_DATABASE)
  await lose(manager, TABLE_DATABASE)
  for (const service of others) service.start()
  const nodes = others.filter(({ kind }) => kind === 'storage-node')
  await Promise.all(nodes.map((node) => node.waitReady()))
  const missing = await index.run(['rebuild', '--apply'])
  expect(missing.stderr).toContain('(unavailable)')

  await runCut(manager, ['rebuild'], 'database.replace.filled')
  expect(existsSync(join(manager.dataDir, TABLE_DATABASE))).toBe(false)
  const receipt = await apply(manager, ['rebuild'])
  expect(receipt).toMatchObject({ disks: 4, silentNodes: [], contradictedExtents: [] })

  await runCut(index, ['rebuild'], 'database.replace.before')
  expect(existsSync(join(index.dataDir, INDEX_DATABASE))).toBe(false)
  const rebuilt = await apply(index, ['rebuild'])
  expect(rebuilt).toMatchObject({ unsettledBuckets: [], unreadableBuckets: [], partialBuckets: [] })
  expect(rebuilt['rowCount']).toBeGreaterThanOrEqual(acknowledged.size)
  await Promise.all(scenario.zone.services.map((service) => service.waitReady()))
  await expectAllFound()
  await putUnderLoad('after the rebuilds')
})

/** A block that was put before everything else, once more. */
async function putAgain() {
  const { pocket, block } = scenario.zone.endpoints
  const client = new KuraClient({ servers: [block], pocket })
  const { bytes, hash } = makeBlock('before the backups/1', 70_000)
  const receipt = await client.put(bytes)
  expect(hashOf(await client.get(hash))).toBe(hash)
  await client.close()
  return receipt
}

it('a block that the rebuilt index knows is not stored again', async () => {
  const receipt = await putAgain()
  expect(receipt).toMatchObject({ newlyStored: false })
  expect(receipt.indexIncarnation.number).toBeGreaterThan(1)
})

it('old backups are restored, and what is newer than they are is found all the same', async () => {
  await Promise.all([index, manager, master].map((service) => service.kill()))
  writeFileSync(join(index.dataDir, INDEX_DATABASE), Buffer.alloc(8192, 0x5a))
  await runCut(manager, ['restore', backupOf(manager)], 'database.replace.aside')
  await apply(manager, ['restore', backupOf(manager)])
  await runCut(index, ['restore', backupOf(index)], 'database.replace.published')
  const restored = await apply(index, ['restore', backupOf(index)])
  expect(restored).toMatchObject({ rowsWithoutRecord: { count: 0 }, conflicts: { count: 0 } })
  expect(readdirSync(index.dataDir)).toContain('replaced-1')
  await apply(master, ['restore', backupOf(master)])
  await Promise.all(scenario.zone.services.map((service) => service.waitReady()))
  await expectAllFound()
  await putUnderLoad('after the restores')
})

it('a backup of one store is not restored as another', async () => {
  await master.kill()
  const refused = await master.run(['restore', backupOf(index), '--apply'])
  expect(refused.stderr).toContain('(identity-mismatch)')
  master.start()
  await master.waitReady()
  const { pocket, zone, zoneMaster } = scenario.zone.endpoints
  const client = new ZoneMasterClient({ address: zoneMaster, pocket, zone })
  const quiet = async () => (await client.status()).cells.flatMap(({ status }) => status?.alarms)
  await expect.poll(quiet, { timeout: 30_000 }).toEqual([])
  client.close()
})

it('an index that is lost again gets an incarnation above every earlier one', async () => {
  const { indexIncarnation } = await putAgain()
  await index.kill()
  await lose(index, INDEX_DATABASE)
  const preview = receiptOf(await index.run(['rebuild']))
  const { number } = preview['incarnation'] as { number: number }
  expect(number).toBeGreaterThan(indexIncarnation.number)
})
