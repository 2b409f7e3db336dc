// The service as it is started and stopped; what it does while it leads is tested beside the parts.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { isKuraError } from '@kura/core'
import { VolumeManager as VolumeManagerService } from '@kura/proto'
import { createRpcClient } from '@kura/rpc'
import { SystemRandom } from '@kura/runtime'
import { temporaryDirectory, type TemporaryDirectory } from '@kura/testkit'
import { initialiseReplicationTable, parseConfig, VolumeManager } from './index.ts'

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
  return parseConfig({
    KURA_VOLUME_MANAGER_INSTANCE: String(instance),
    KURA_VOLUME_MANAGER_POCKET: 'test',
    KURA_VOLUME_MANAGER_DATA_DIR: `${directory.path}/table`,
    KURA_VOLUME_MANAGER_COORDINATION_DIR: `${directory.path}/coordination`,
    KURA_VOLUME_MANAGER_LOG_LEVEL: 'silent',
    KURA_VERIFY: 'all',
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

test.each([
  [{ OPEN_VOLUMES_MAX: '4' }, 'open_volumes is 4 (default) and open_volumes_max is 4'],
  [{ SILENCE_MS: '10000', HEARTBEAT_TIMEOUT_MS: '10000' }, 'more than heartbeat_timeout_ms'],
  [{ SILENCE_MS: '10000', CLOSE_WAIT_MS: '10000' }, 'close_wait_ms is less than silence_ms'],
  [{ BUCKET_SIZE_BYTES: '16777217' }, 'is a multiple of the page, 4096'],
  [{ REPLACE_AT_FILL_PERCENT: '85' }, 'takes 10 to 84'],
])('settings that do not go together are refused: %j', (given, sentence) => {
  const env = Object.entries(given).map(([name, value]) => [`KURA_VOLUME_MANAGER_${name}`, value])
  expect(() => parseConfig(Object.fromEntries(env))).toThrow(sentence)
})
