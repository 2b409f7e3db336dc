/**
 * Goal: a storage node never serves, and never initialises, what is not its disk as it left it.
 * What it refuses stays byte for byte; what it accepts is compared with the extents in force.
 *
 * Method: real nodes on real directories, which are swapped, emptied, copied and set back while the
 * node is down; blocks put before are got after each.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KuraClient, ZoneMasterClient } from '@kura/client'
import { MIB } from '@kura/core'
import type { LocalService } from '@kura/local'
import type { CellStatus } from '@kura/proto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hashOf, makeBlock, type TestBlock } from '../support/blocks.ts'
import { flipBit } from '../support/flip-bit.ts'
import { runKura } from '../support/kura-command.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

const BLOCK_SIZE_BYTES = 60_000
const PATIENCE = { timeout: 60_000, interval: 200 }

/** One more than a volume needs, so that puts go on beside a dead one. */
const SHAPE = {
  nodes: 4,
  bucketSizeBytes: 16 * MIB,
  // What is found wrong is to be seen as it is.
  environment: { 'volume-manager': { KURA_VOLUME_MANAGER_REPAIRS_MAX: '0' } },
}

let scenario: ScenarioZone
let client: KuraClient
let master: ZoneMasterClient
const blocks: TestBlock[] = []

beforeAll(async () => {
  scenario = await startScenarioZone({ ...SHAPE, restarts: false })
  const { pocket, zone, block, zoneMaster } = scenario.zone.endpoints
  client = new KuraClient({ servers: [block], pocket, timeoutMs: 30_000 })
  master = new ZoneMasterClient({ address: zoneMaster, pocket, zone })
  await putBlocks('first', 20)
})

afterAll(async () => {
  master.close()
  await client.close()
  await scenario[Symbol.asyncDispose]()
})

function node(osdId: number): LocalService {
  return scenario.zone.service(`storage-node-1-${osdId}`)
}

async function putBlocks(seed: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const block = makeBlock(`disk identity/${seed}/${index}`, BLOCK_SIZE_BYTES)
    await client.put(block.bytes)
    blocks.push(block)
  }
}

/**
 * Puts until a block has a copy on the disk of that node. Volumes without it are on all the other
 * nodes: the restart of any of these ends them, and others are made.
 */
async function putOnDisk(service: LocalService, seed: string): Promise<TestBlock> {
  const other = service === node(2) ? node(1) : node(2)
  for (let round = 0; round < 10; round += 1) {
    await putBlocks(`${seed}/${round}`, 10)
    const names = readdirSync(join(service.dataDir, 'extents'))
    for (const block of blocks.slice(-10)) {
      const { volume } = await master.locate(block.hash)
      const extents = volume?.extents.map(({ extentId }) => `${extentId}.extent`) ?? []
      if (names.some((name) => extents.includes(name))) return block
    }
    await other.kill()
    await start(other)
  }
  throw new Error(`no block came to ${service.name}`)
}

async function expectAllReadable(): Promise<void> {
  for (const { hash } of blocks) expect(hashOf(await client.get(hash))).toBe(hash)
}

async function cell(): Promise<CellStatus> {
  const status = (await master.status()).cells[0]?.status
  if (status === undefined) throw new Error('the zone master has not heard of the cell')
  return status
}

async function start(service: LocalService): Promise<void> {
  service.start()
  await service.waitReady()
}

/** What `serve` says when it refuses to start. */
async function refusal(service: LocalService, environment: NodeJS.ProcessEnv = {}) {
  const { exitCode, stderr } = await service.run(['serve'], { environment })
  expect(exitCode).toBe(1)
  return stderr
}

function filesOf(folder: string): Readonly<Record<string, number>> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const files = names.filter((name) => !statSync(join(folder, name)).isDirectory())
  return Object.fromEntries(files.map((name) => [name, statSync(join(folder, name)).size]))
}

function copyDisk(from: string, to: string): void {
  execFileSync('cp', ['-a', '--sparse=always', from, to])
}

it('swapped disks are refused by both nodes, and served again in their places', async () => {
  const [one, two] = [node(1), node(2)]
  await Promise.all([one.kill(), two.kill()])
  const swapped = async (): Promise<void> => {
    await rename(one.dataDir, `${one.dataDir}.aside`)
    await rename(two.dataDir, one.dataDir)
    await rename(`${one.dataDir}.aside`, two.dataDir)
  }
  await swapped()
  const before = filesOf(one.dataDir)
  for (const service of [one, two]) expect(await refusal(service)).toContain('(identity-mismatch)')
  expect(filesOf(one.dataDir)).toEqual(before)
  await swapped()
  await Promise.all([start(one), start(two)])
  await expectAllReadable()
})

it('an empty disk and a missing mount point are refused, and nothing is made there', async () => {
  const service = node(1)
  await service.kill()
  await rename(service.dataDir, `${service.dataDir}.away`)
  await refusal(service)
  expect(existsSync(service.dataDir)).toBe(false)
  await mkdir(service.dataDir)
  expect(await refusal(service)).toContain('(genesis-missing)')
  expect(readdirSync(service.dataDir).filter((name) => name !== 'LOCK')).toEqual([])
  await rm(service.dataDir, { recursive: true })
  await rename(`${service.dataDir}.away`, service.dataDir)
  await start(service)
})

it('a disk of another pocket or node is refused', async () => {
  const service = node(3)
  await service.kill()
  const prefix = 'KURA_STORAGE_NODE'
  for (const [name, value] of [
    [`${prefix}_POCKET`, 'another'],
    [`${prefix}_OSD_ID`, '9'],
  ] as const) {
    expect(await refusal(service, { [name]: value })).toContain('(identity-mismatch)')
  }
  await start(service)
})

it('genesis over a disk with data is refused, with or without its identity', async () => {
  const service = node(3)
  await service.kill()
  const again = await service.run(['init'])
  expect(again.stderr).toContain('(already-initialised)')
  const identity = readFileSync(join(service.dataDir, 'IDENTITY'))
  await rm(join(service.dataDir, 'IDENTITY'))
  const over = await service.run(['init'])
  expect(over.stderr).toContain('(state-conflict)')
  expect(await refusal(service)).toContain('(genesis-missing)')
  await writeFile(join(service.dataDir, 'IDENTITY'), identity)
  await start(service)
})

it('a second process on one disk is refused, and the first goes on', async () => {
  const free = '127.0.0.1:0'
  const listeners = ['RPC', 'BLOCK', 'ADMIN'].map((name) => [
    `KURA_STORAGE_NODE_${name}_ADDRESS`,
    free,
  ])
  const said = await refusal(node(4), Object.fromEntries(listeners))
  expect(said).toContain('(locked)')
  await node(4).waitReady()
  await expectAllReadable()
})

it('a disk set back to an older time serves, and its copies no longer count', async () => {
  const service = node(3)
  await service.kill()
  const snapshot = `${service.dataDir}.snapshot`
  copyDisk(service.dataDir, snapshot)
  await start(service)
  const younger = await putOnDisk(service, 'after the snapshot')
  // Ends every volume that the disk takes part in; the table must know it closed.
  await service.kill()
  await start(service)
  const volumeState = async () => (await master.locate(younger.hash)).volume?.state
  await expect.poll(volumeState, PATIENCE).toBe('closed')
  const before = (await cell()).underReplicatedCount

  await service.kill()
  await rename(service.dataDir, `${service.dataDir}.newer`)
  await rename(snapshot, service.dataDir)
  await start(service)
  const alarms = async () => (await cell()).alarms.join(' ')
  await expect.poll(alarms, PATIENCE).toContain('should be in force, but is')
  await expect
    .poll(async () => (await cell()).underReplicatedCount, PATIENCE)
    .toBeGreaterThan(before)
  await expectAllReadable()
  await putBlocks('on the older disk', 5)

  await service.kill()
  await rm(service.dataDir, { recursive: true })
  await rename(`${service.dataDir}.newer`, service.dataDir)
  await start(service)
  await expect.poll(alarms, PATIENCE).not.toContain('should be in force, but is')
  await expectAllReadable()
})

/** Extents in force of closed volumes on a disk, as far as blocks lie in them. */
async function extentsInForce(diskUuid: string): Promise<readonly string[]> {
  const located = await Promise.all(blocks.map(async ({ hash }) => await master.locate(hash)))
  const closed = located.flatMap(({ volume }) => (volume?.state === 'closed' ? volume.extents : []))
  const own = closed.filter((extent) => extent.diskUuid === diskUuid && extent.state === 'in-force')
  return [...new Set(own.map(({ extentId }) => String(extentId)))]
}

it('a partly copied disk serves what is whole, and the rest is known to be missing', async () => {
  const service = node(4)
  const { diskUuid = '' } = (await cell()).disks.find(({ osdId }) => osdId === 4) ?? {}
  const countInForce = async () => (await extentsInForce(diskUuid)).length
  await expect.poll(countInForce, PATIENCE).toBeGreaterThanOrEqual(2)
  const [absent = '', cut = ''] = await extentsInForce(diskUuid)
  await service.kill()
  await rm(join(service.dataDir, 'extents', `${absent}.extent`))
  truncateSync(join(service.dataDir, 'extents', `${cut}.extent`), 5_000)
  await start(service)
  const status = async () => {
    const { alarms, damages } = await cell()
    return [...alarms, ...damages.map(({ extentId }) => String(extentId))].join(' ')
  }
  await expect.poll(status, PATIENCE).toContain(absent)
  await expect.poll(status, PATIENCE).toContain(cut)
  const remaining = async () => await extentsInForce(diskUuid)
  await expect.poll(remaining, PATIENCE).not.toContain(absent)
  await expect.poll(remaining, PATIENCE).not.toContain(cut)
  await expectAllReadable()
})

it('a suspect disk stays suspect over restarts, until all of it was read from media', async () => {
  const service = node(1)
  const { diskUuid = '' } = (await cell()).disks.find(({ osdId }) => osdId === 1) ?? {}
  const block = await putOnDisk(service, 'before the suspicion')
  const copy = (await master.explain(block.hash)).copies.find(
    ({ extent }) => extent?.diskUuid === diskUuid,
  )
  const path = join(service.dataDir, 'extents', `${copy?.extent?.extentId}.extent`)
  const offsetBytes = Number(copy?.examination?.offsetBytes) + BLOCK_SIZE_BYTES / 2
  const mark = join(service.dataDir, 'SUSPECT')
  const isSuspect = async () =>
    (await cell()).disks.find((disk) => disk.diskUuid === diskUuid)?.state === 'suspect'
  const verify = async () => await runKura(scenario.zone, ['disk', 'verify', diskUuid])

  await service.kill()
  // As a process leaves it behind whose sync failed.
  await writeFile(mark, 'a sync failed\n')
  service.start()
  await expect.poll(() => service.readinessProblem(), PATIENCE).toContain('suspect')
  await expect.poll(isSuspect, PATIENCE).toBe(true)
  await service.kill()

  await flipBit(path, offsetBytes)
  service.start()
  await expect.poll(() => service.readinessProblem(), PATIENCE).toContain('suspect')
  await expect.poll(async () => (await verify()).out.toString(), PATIENCE).toContain('stays barred')
  expect((await verify()).code).toBe(1)
  expect(await isSuspect()).toBe(true)
  await service.kill()

  // A disk that keeps nothing loses the mark, too; the zone has not forgotten.
  await rm(mark)
  await flipBit(path, offsetBytes)
  await start(service)
  expect(await isSuspect()).toBe(true)
  await expect.poll(async () => (await verify()).code, PATIENCE).toBe(0)
  await expect.poll(isSuspect, PATIENCE).toBe(false)
  expect(existsSync(mark)).toBe(false)
  await expectAllReadable()
})
