/**
 * Goal: a lost block index is rebuilt from the extents alone, and nothing acknowledged is lost.
 *
 * Method: clients put into a zone; everything is killed and the database of the index deleted.
 * Everything but the index starts again, `block-index rebuild` runs, killed at each of its points
 * before it may finish; then the index starts, every acknowledged block is read back by a process
 * of its own, and puts go on. A backup taken in the middle is restored in place of a damaged index.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { KuraClient } from '@kura/client'
import type { BlockHash } from '@kura/core'
import type { LocalService } from '@kura/local'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { expectNothingLost, expectNothingWrong } from '../checkers/blocks-read-back.ts'
import { hashOf, makeBlock } from '../support/blocks.ts'
import { crashAt, receiptOf } from '../support/offline-command.ts'
import { PutLoad } from '../support/put-load.ts'
import { readBack } from '../support/read-report.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

const SIZES_BYTES = [3_000, 70_000, 4_096, 300_000, 1]
const DATABASE = 'block-index.sqlite'

let scenario: ScenarioZone
let index: LocalService
let backup: string
const acknowledged = new Set<BlockHash>()

beforeAll(async () => {
  scenario = await startScenarioZone({ restarts: false })
  index = scenario.zone.service('block-index-1')
  backup = join(scenario.zone.dataDir, 'backup')
})

afterAll(async () => {
  await scenario[Symbol.asyncDispose]()
})

/** What has been acknowledged by then is expected to be found from then on. */
async function putUnderLoad(seed: string, count = 40): Promise<void> {
  const { pocket, block } = scenario.zone.endpoints
  const client = new KuraClient({ servers: [block], pocket, timeoutMs: 20_000 })
  const load = new PutLoad({ client, clientCount: 8, seed, sizesBytes: SIZES_BYTES })
  load.start()
  await load.acknowledgedMore(count)
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

async function startAgain(): Promise<void> {
  index.start()
  await index.waitReady()
}

it('a backup is taken while puts go on', async () => {
  await putUnderLoad('before the backup')
  const underLoad = putUnderLoad('during the backup')
  const taken = receiptOf(await index.run(['backup', backup]))
  expect(taken).toMatchObject({ kind: 'block-index', incarnation: { number: 1 } })
  await underLoad
  await putUnderLoad('after the backup')
})

it('a running index is not rebuilt, and a preview changes nothing', async () => {
  const refused = await index.run(['rebuild', '--apply'])
  expect(refused.exitCode).toBe(1)
  expect(refused.stderr).toContain('(locked)')
  await index.kill()
  const preview = receiptOf(await index.run(['rebuild']))
  expect(preview).toMatchObject({ applied: false, cells: 1, incarnation: { number: 2 } })
  await startAgain()
  await expectAllFound()
})

it('killed at any point, a rebuild of a lost index is run again and finds every block', async () => {
  await Promise.all(scenario.zone.services.map((service) => service.kill()))
  for (const suffix of ['', '-wal']) {
    await rm(join(index.dataDir, DATABASE + suffix), { force: true })
  }
  const others = scenario.zone.services.filter((service) => service !== index)
  for (const service of others) service.start()
  const nodes = others.filter(({ kind }) => kind === 'storage-node')
  await Promise.all(nodes.map((node) => node.waitReady()))
  for (const point of ['database.replace.filled', 'database.replace.before'] as const) {
    const cut = await index.run(['rebuild', '--apply'], { environment: crashAt(point) })
    expect(cut.signal, cut.stderr).toBe('SIGKILL')
    expect(existsSync(join(index.dataDir, DATABASE))).toBe(false)
  }
  const receipt = receiptOf(await index.run(['rebuild', '--apply']))
  expect(receipt).toMatchObject({ applied: true, unsettledBuckets: [], unreadableBuckets: [] })
  expect(receipt['rowCount']).toBeGreaterThanOrEqual(acknowledged.size)
  await startAgain()
  await Promise.all(others.map((service) => service.waitReady()))
  await expectAllFound()
  await putUnderLoad('after the rebuild')
})

it('a block that the rebuilt index knows is not stored again', async () => {
  const { pocket, block } = scenario.zone.endpoints
  const client = new KuraClient({ servers: [block], pocket })
  const { bytes, hash } = makeBlock('before the backup/1', 70_000)
  const receipt = await client.put(bytes)
  expect(receipt).toMatchObject({ hash, newlyStored: false, indexIncarnation: { number: 2 } })
  expect(hashOf(await client.get(hash))).toBe(hash)
  await client.close()
})

it('a damaged index is replaced by an older backup, and what is newer is found all the same', async () => {
  await index.kill()
  const file = await open(join(index.dataDir, DATABASE), 'r+')
  await file.write(Buffer.alloc(4096, 0x5a), 0, 4096, 0)
  await file.close()
  writeFileSync(join(index.dataDir, `${DATABASE}-wal`), 'not a log')
  for (const point of ['database.replace.aside', 'database.replace.published'] as const) {
    const cut = await index.run(['restore', backup, '--apply'], { environment: crashAt(point) })
    expect(cut.signal, cut.stderr).toBe('SIGKILL')
  }
  const receipt = receiptOf(await index.run(['restore', backup, '--apply']))
  expect(receipt).toMatchObject({ applied: true, rowsWithoutRecord: { count: 0 } })
  expect(readdirSync(index.dataDir)).toContain('replaced-1')
  await startAgain()
  await expectAllFound()
  await putUnderLoad('after the restore')
})
