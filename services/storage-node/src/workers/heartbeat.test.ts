import { afterEach, expect, test, vi } from 'vitest'
import { parseDiskUuid, parseOsdId, type Member } from '@kura/core'
import { grpcNetwork, type ProcessIdentity } from '@kura/rpc'
import { createLogger, SystemClock } from '@kura/runtime'
import type { HeartbeatMessage } from '../node-status.ts'
import { ListeningManager, TEST_PLACE } from '../testing/listening-manager.ts'
import { Heartbeat } from './heartbeat.ts'

const node: ProcessIdentity = { ...TEST_PLACE, kind: 'storage-node', id: '1-1' }
const HOUR_MS = 3_600_000
const cleanUps: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function listen(id: string, answer?: Promise<void>): Promise<ListeningManager> {
  const options = answer === undefined ? {} : { answer }
  const manager = await ListeningManager.listen(id, options)
  cleanUps.push(async () => await manager.close())
  return manager
}

const MESSAGE: HeartbeatMessage = {
  ...TEST_PLACE,
  osdId: parseOsdId(1),
  diskUuid: parseDiskUuid('00000000-0000-4000-8000-000000000000'),
  processId: 'p',
  domains: { rack: 'r', power: 'p', vendor: 'v', firmware: 'f' },
  epoch: 1n,
  suspect: false,
  fullness: 'ok',
  totalBytes: 0n,
  freeBytes: 0n,
  unsealed: [],
  damages: [],
  damageCount: 0n,
  rpcAddress: 'r',
  blockAddress: 'b',
}

async function beat(options: {
  members: () => Promise<readonly Member[]>
  intervalMs?: number
  readSpace?: () => Promise<{ totalBytes: number; freeBytes: number }>
}): Promise<Heartbeat> {
  const subject = new Heartbeat({
    identity: node,
    rpc: grpcNetwork,
    intervalMs: options.intervalMs ?? 20,
    clock: new SystemClock(),
    addressBook: { members: options.members },
    logger: createLogger({ service: 'storage-node', id: '1-1', level: 'silent' }),
    readSpace: options.readSpace ?? (() => Promise.resolve({ totalBytes: 10, freeBytes: 4 })),
    compose: (space) => ({ ...MESSAGE, freeBytes: BigInt(space.freeBytes) }),
  })
  await subject.start()
  cleanUps.push(async () => await subject.stop())
  return subject
}

test('volume managers of the own cell hear the node, those of others do not', async () => {
  const [leader, standby, other] = [await listen('1-1'), await listen('1-2'), await listen('11-1')]
  const members = [leader.member, standby.member, other.member]
  await beat({ members: () => Promise.resolve(members) })
  await vi.waitFor(() => expect(leader.heartbeats.length).toBeGreaterThan(2))
  expect(standby.heartbeats.length).toBeGreaterThan(1)
  expect(other.heartbeats).toEqual([])
  expect(leader.heartbeats.at(-1)).toMatchObject({ processId: 'p', freeBytes: 4n })
})

test('a change is told at once', async () => {
  const manager = await listen('1-1')
  const members = () => Promise.resolve([manager.member])
  const subject = await beat({ members, intervalMs: HOUR_MS })
  await vi.waitFor(() => expect(manager.heartbeats).toHaveLength(1))
  subject.wake()
  await vi.waitFor(() => expect(manager.heartbeats).toHaveLength(2))
})

test('heartbeats go on while the disk hangs and coordination is gone', async () => {
  const manager = await listen('1-1')
  let looks = 0
  const subject = await beat({
    members: () => Promise.resolve([manager.member]),
    readSpace: async () => {
      looks += 1
      if (looks > 1) await new Promise(() => undefined)
      return { totalBytes: 10, freeBytes: 4 }
    },
  })
  await vi.waitFor(() => expect(looks).toBe(2), 3_000)
  const heardCount = manager.heartbeats.length
  subject.wake()
  await vi.waitFor(() => expect(manager.heartbeats.length).toBeGreaterThan(heardCount + 3))
  expect(manager.heartbeats.at(-1)).toMatchObject({ freeBytes: 4n })
})

test('a volume manager that comes later is found', async () => {
  let members: Member[] = []
  await beat({ members: () => Promise.resolve(members) })
  const manager = await listen('1-1')
  members = [manager.member]
  await vi.waitFor(() => expect(manager.heartbeats.length).toBeGreaterThan(0), 3_000)
})

test('a volume manager that hangs does not delay what the others hear', async () => {
  const back = Promise.withResolvers<void>()
  const [good, hanging] = [await listen('1-1'), await listen('1-2', back.promise)]
  const members = () => Promise.resolve([good.member, hanging.member])
  await beat({ members, intervalMs: 20 })
  await vi.waitFor(() => expect(good.heartbeats.length).toBeGreaterThan(10))
  expect(hanging.heartbeats.length).toBeLessThan(good.heartbeats.length / 2)
  back.resolve()
  await vi.waitFor(() => expect(hanging.heartbeats.length).toBeGreaterThan(2))
})
