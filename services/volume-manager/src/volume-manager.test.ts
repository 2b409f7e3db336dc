// The service as it is started and stopped; what it does while it leads is tested beside the parts.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { isKuraError } from '@kura/core'
import { VolumeManager as VolumeManagerService } from '@kura/proto'
import { createRpcClient } from '@kura/rpc'
import { SystemRandom } from '@kura/runtime'
import { temporaryDirectory, type TemporaryDirectory } from '@kura/testkit'
import { initialiseReplicationTable, completeConfig, parseConfig, VolumeManager } from './index.ts'

const PATIENCE_MS = 10_000
const cleanUps: (() => Promise<void> | void)[] = []
let directory: TemporaryDirectory

beforeEach(async () => {
  directory = await temporaryDirectory()
})

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
  await directory[Symbol.asyncDispose]()
})

function configOf(instance: number) {
  return completeConfig({
    instance: String(instance),
    pocket: 'test',
    dataDir: `${directory.path}/table`,
    coordinationDir: `${directory.path}/coordination`,
    logLevel: 'silent',
  })
}

async function start(instance: number): Promise<VolumeManager> {
  const manager = await VolumeManager.create(configOf(instance))
  cleanUps.push(async () => await manager[Symbol.asyncDispose]())
  await manager.start()
  return manager
}

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return await work.then(
    () => undefined,
    (error: unknown) => (isKuraError(error) ? error.code : 'another'),
  )
}

function clientOf(manager: VolumeManager) {
  const { pocket, zone } = configOf(1)
  const client = createRpcClient(VolumeManagerService, {
    identity: { pocket, zone, kind: 'cli', id: 'test' },
    resolve: async () => await Promise.resolve(manager.rpcAddress),
  })
  cleanUps.push(() => {
    client.close()
  })
  return client
}

test('a manager without a table is refused at start', async () => {
  const manager = await VolumeManager.create(configOf(1))
  expect(await codeOf(manager.start())).toBe('genesis-missing')
})

test('one instance leads, the other answers not-leader until the first has gone', async () => {
  initialiseReplicationTable(configOf(1), new SystemRandom())
  const first = await start(1)
  await vi.waitFor(() => expect(first.isLeading).toBe(true), PATIENCE_MS)
  const second = await start(2)
  expect(await codeOf(clientOf(second).getCellStatus({}))).toBe('not-leader')
  expect((await clientOf(first).getCellStatus({})).epoch).toBe(1n)
  await first[Symbol.asyncDispose]()
  await vi.waitFor(() => expect(second.isLeading).toBe(true), PATIENCE_MS)
  expect((await clientOf(second).getCellStatus({})).epoch).toBe(2n)
})

test('it says why it is not ready', async () => {
  initialiseReplicationTable(configOf(1), new SystemRandom())
  const manager = await start(1)
  await vi.waitFor(() => expect(manager.isLeading).toBe(true), PATIENCE_MS)
  const answer = await fetch(`http://${manager.adminAddress}/readyz`)
  expect(answer.status).toBe(503)
  expect(await answer.text()).toContain('0 of 4 volumes are open.')
  const metrics = await (await fetch(`http://${manager.adminAddress}/metrics`)).text()
  expect(metrics).toContain('kura_volume_manager_leading 1')
})

test('settings are checked one by one and against each other', () => {
  const env = (name: string, value: string) => ({ [`KURA_VOLUME_MANAGER_${name}`]: value })
  expect(parseConfig(env('CELL_ID', '7')).cellId).toBe(7)
  expect(() => parseConfig(env('CELL_ID', '0'))).toThrow('KURA_VOLUME_MANAGER_CELL_ID')
  expect(() => parseConfig(env('OPEN_VOLUMES_MAX', '4'))).toThrow('no room for replacements')
  expect(() => parseConfig(env('OPEN_VOLUMSE', '4'))).toThrow('there is no setting')
})
