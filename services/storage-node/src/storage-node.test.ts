// Storage nodes composed in this process, over real TCP and real files: what a volume manager and a
// frontend see of them.
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DirectoryCoordinator } from '@kura/coordination'
import { KuraError, parseCellId, parsePocketId, parseZoneId, type Disk } from '@kura/core'
import { computeBucketDigest, hashFromBytes } from '@kura/core'
import { NodeDisk } from '@kura/extent'
import {
  StorageNode as StorageNodeService,
  VolumeManager,
  type HeartbeatRequest,
  type RecordSummary,
} from '@kura/proto'
import { createRpcClient, RpcServer, type ProcessIdentity } from '@kura/rpc'
import { SystemClock, SystemRandom } from '@kura/runtime'
import { FaultyDisk, temporaryDirectory, type TemporaryDirectory } from '@kura/testkit'
import { BlockClient } from '@kura/transport'
import { initialise, parseConfig, StorageNode } from './index.ts'

const MIB = 1024 * 1024
const SALT = '00112233445566ff'
const TIMEOUT_MS = 5_000
const never = new AbortController().signal
const manager: ProcessIdentity = {
  pocket: parsePocketId('test'),
  zone: parseZoneId('a'),
  cellId: parseCellId(1),
  kind: 'volume-manager',
  id: '1-1',
}
const cleanUps: (() => Promise<void> | void)[] = []
let directory: TemporaryDirectory
let heartbeats: HeartbeatRequest[]

beforeEach(async () => {
  directory = await temporaryDirectory()
  heartbeats = await listenForHeartbeats()
})

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
  await directory[Symbol.asyncDispose]()
})

/** A volume manager that only listens. */
async function listenForHeartbeats(): Promise<HeartbeatRequest[]> {
  const heard: HeartbeatRequest[] = []
  const refuse = (): Promise<never> => Promise.reject(new KuraError('unimplemented', 'only hears'))
  const server = new RpcServer({ identity: manager })
  server.add(VolumeManager, {
    heartbeat: (request) => {
      heard.push(request)
      return Promise.resolve({ epoch: 1n, diskState: 'in-service' })
    },
    reportFailure: refuse,
    getPlacements: refuse,
    getCellStatus: refuse,
    // eslint-disable-next-line require-yield
    watchCellMap: async function* () {
      await refuse()
    },
  })
  const rpc = await server.listen('127.0.0.1:0')
  const coordinator = await DirectoryCoordinator.open({
    directory: join(directory.path, 'coordination'),
    clock: new SystemClock(),
    random: new SystemRandom(),
  })
  await coordinator.announce({ kind: 'volume-manager', id: '1-1', addresses: { rpc } })
  cleanUps.push(async () => {
    await coordinator.close()
    await server.close({ graceMs: 100 })
  })
  return heard
}

function configOf(osdId: number, settings: Record<string, string> = {}) {
  return parseConfig({
    KURA_STORAGE_NODE_POCKET: 'test',
    KURA_STORAGE_NODE_OSD_ID: String(osdId),
    KURA_STORAGE_NODE_DATA_DIR: join(directory.path, `disk-${osdId}`),
    KURA_STORAGE_NODE_COORDINATION_DIR: join(directory.path, 'coordination'),
    KURA_STORAGE_NODE_LOG_LEVEL: 'silent',
    KURA_STORAGE_NODE_HEARTBEAT_MS: '20',
    KURA_STORAGE_NODE_LARGE_SLABS: '3',
    ...settings,
  })
}

class TestNode {
  readonly node: StorageNode
  readonly control
  readonly #blocks: BlockClient

  constructor(node: StorageNode) {
    this.node = node
    this.control = createRpcClient(StorageNodeService, {
      identity: manager,
      resolve: () => Promise.resolve(node.addresses.rpc),
    })
    const hello = { pocket: 'test', zone: 'a', role: 'frontend' } as const
    this.#blocks = new BlockClient({ hello, clock: new SystemClock() })
  }

  address(extent: number, changes: { diskUuid?: string; volumeId?: bigint } = {}) {
    const { diskUuid } = this.node
    return { pocket: 'test', diskUuid, volumeId: 7n, extentId: BigInt(extent), ...changes }
  }

  async createExtent(extent: number, epoch = 1n): Promise<void> {
    const place = { bucketId: 9n, salt: SALT, generation: 1, orderId: 1n }
    const capacityBytes = BigInt(16 * MIB)
    const address = this.address(extent)
    await this.control.createExtent({ epoch, address, ...place, capacityBytes })
  }

  async write(bytes: Uint8Array, to: ReturnType<TestNode['address']>): Promise<Uint8Array> {
    const sizeBytes = bytes.length
    const value = { address: to, sizeBytes, putAtMs: 1_000 }
    const put = await this.#blocks.openPut(
      this.node.addresses.block,
      { requestId: 'write', operation: { case: 'writeRecord', value } },
      { sizeBytes, timeoutMs: TIMEOUT_MS, signal: never },
    )
    await put.write(bytes)
    const hash = createHash('sha256').update(bytes).digest()
    await put.commit({ crc: crc32(bytes), hash })
    return hash
  }

  async read(hash: Uint8Array, from: ReturnType<TestNode['address']>): Promise<Uint8Array> {
    const { payload } = await this.#blocks.exchange(
      this.node.addresses.block,
      { requestId: 'read', operation: { case: 'readRecord', value: { address: from, hash } } },
      { timeoutMs: TIMEOUT_MS, signal: never, receive: (sizeBytes) => Buffer.alloc(sizeBytes) },
    )
    return payload ?? Buffer.alloc(0)
  }

  /** Starts a put, sends half of it, and goes away. */
  async abandonWrite(bytes: Uint8Array, to: ReturnType<TestNode['address']>): Promise<void> {
    const sizeBytes = bytes.length
    const value = { address: to, sizeBytes, putAtMs: 1_000 }
    const put = await this.#blocks.openPut(
      this.node.addresses.block,
      { requestId: 'abandon', operation: { case: 'writeRecord', value } },
      { sizeBytes, timeoutMs: TIMEOUT_MS, signal: never },
    )
    await put.write(bytes.subarray(0, sizeBytes / 2))
    put.abort()
    await put.drained
  }

  async stop(): Promise<void> {
    this.control.close()
    this.#blocks.close()
    await this.node[Symbol.asyncDispose]()
  }
}

async function makeDisk(osdId: number): Promise<void> {
  await mkdir(join(directory.path, `disk-${osdId}`))
  await initialise(configOf(osdId))
}

async function start(
  osdId: number,
  options: { settings?: Record<string, string>; disk?: Disk } = {},
): Promise<TestNode> {
  const overrides = options.disk === undefined ? {} : { disk: options.disk }
  const node = StorageNode.create(configOf(osdId, options.settings), overrides)
  await node.start()
  const subject = new TestNode(node)
  cleanUps.push(() => subject.stop())
  return subject
}

async function startFresh(osdId: number, options = {}): Promise<TestNode> {
  await makeDisk(osdId)
  return await start(osdId, options)
}

function lastHeartbeat(): HeartbeatRequest | undefined {
  return heartbeats.at(-1)
}

async function readiness(node: TestNode): Promise<unknown> {
  return await (await fetch(`http://${node.node.addresses.admin}/readyz`)).json()
}

test('a record that was written is read back, small and large', async () => {
  const node = await startFresh(1)
  await node.createExtent(5)
  for (const sizeBytes of [1, 3_840, 3_841, 70_000, 4 * MIB]) {
    const bytes = randomBytes(sizeBytes)
    const hash = await node.write(bytes, node.address(5))
    expect(bytes.equals(await node.read(hash, node.address(5)))).toBe(true)
  }
  expect(await readiness(node)).toEqual({ ready: true, reasons: [] })
})

test('a request for another disk, volume or pocket is refused', async () => {
  const node = await startFresh(1)
  await node.createExtent(5)
  const hash = await node.write(randomBytes(100), node.address(5))
  const diskUuid = '00000000-0000-4000-8000-000000000000'
  const refusal = { code: 'identity-mismatch' }
  for (const changes of [{ diskUuid }, { volumeId: 8n }, { pocket: 'production' }]) {
    const wrong = { ...node.address(5), ...changes }
    await expect(node.read(hash, wrong)).rejects.toMatchObject(refusal)
    await expect(node.write(randomBytes(10), wrong)).rejects.toMatchObject(refusal)
    const freeze = node.control.freezeExtent({ epoch: 1n, address: wrong })
    await expect(freeze).rejects.toMatchObject(refusal)
  }
})

test('what a node does not have is unknown to it, never not-found', async () => {
  const node = await startFresh(1)
  await node.createExtent(5)
  const hash = randomBytes(32)
  await expect(node.read(hash, node.address(5))).rejects.toMatchObject({ code: 'record-unknown' })
  await expect(node.read(hash, node.address(6))).rejects.toMatchObject({ code: 'extent-unknown' })
})

test('a body that breaks off leaves nothing', async () => {
  const node = await startFresh(1)
  await node.createExtent(5)
  const bytes = randomBytes(2 * MIB)
  await node.abandonWrite(bytes, node.address(5))
  const hash = createHash('sha256').update(bytes).digest()
  await expect(node.read(hash, node.address(5))).rejects.toMatchObject({ code: 'record-unknown' })
  await node.write(bytes, node.address(5))
  const report = await node.control.freezeExtent({ epoch: 1n, address: node.address(5) })
  expect(report.recordCount).toBe(1n)
})

test('an order of an older epoch is refused, also after a restart', async () => {
  const node = await startFresh(1)
  await node.control.announceEpoch({ epoch: 3n })
  await expect(node.createExtent(5, 2n)).rejects.toMatchObject({ code: 'stale-epoch' })
  await node.createExtent(5, 3n)
  await node.stop()
  const again = await start(1)
  await expect(again.createExtent(6, 2n)).rejects.toMatchObject({ code: 'stale-epoch' })
})

test('a restart freezes what was open, keeps its records, and is seen in the heartbeat', async () => {
  const node = await startFresh(1)
  await node.createExtent(5)
  const hash = await node.write(randomBytes(5_000), node.address(5))
  await vi.waitFor(() => expect(lastHeartbeat()?.unsealed[0]?.state).toBe('open'))
  const processId = lastHeartbeat()?.processId
  await node.stop()
  const again = await start(1)
  await vi.waitFor(() => expect(lastHeartbeat()?.unsealed[0]?.state).toBe('frozen'))
  expect(lastHeartbeat()?.processId).not.toBe(processId)
  expect(await again.read(hash, again.address(5))).toHaveLength(5_000)
  const late = again.write(randomBytes(10), again.address(5))
  await expect(late).rejects.toMatchObject({ code: 'extent-frozen' })
})

test('a second node on the same disk is refused', async () => {
  await startFresh(1)
  const second = StorageNode.create(configOf(1))
  await expect(second.start()).rejects.toMatchObject({ code: 'locked' })
  await second[Symbol.asyncDispose]()
})

test('a copy is completed from another node and both seal to one digest', async () => {
  const [one, two] = [await startFresh(1), await startFresh(2)]
  await one.createExtent(5)
  await two.createExtent(6)
  const shared = randomBytes(100_000)
  await one.write(shared, one.address(5))
  await two.write(shared, two.address(6))
  for (const sizeBytes of [10, 4 * MIB, 300_000]) {
    await one.write(randomBytes(sizeBytes), one.address(5))
  }
  const full = await one.control.freezeExtent({ epoch: 1n, address: one.address(5) })
  await two.control.freezeExtent({ epoch: 1n, address: two.address(6) })
  const records = await recordsOf(one, 5)
  expect(records).toHaveLength(4)
  const sources = [{ address: one.address(5), blockAddress: one.node.addresses.block }]
  const address = two.address(6)
  const completed = await two.control.completeExtent({ epoch: 1n, address, records, sources })
  expect(completed).toMatchObject({ recordCount: 4n, digest: full.digest })
  const seal = { epoch: 1n, expectedDigest: full.digest }
  expect(await two.control.sealExtent({ ...seal, address })).toMatchObject({ state: 'sealed' })
  const wrong = { ...seal, expectedDigest: computeBucketDigest([]), address: one.address(5) }
  const refused = one.control.sealExtent(wrong)
  await expect(refused).rejects.toMatchObject({ code: 'digest-mismatch' })
})

test('an extent is built from another node and from the own disk, and only as a whole', async () => {
  const [one, two] = [await startFresh(1), await startFresh(2)]
  await one.createExtent(5)
  const hash = await one.write(randomBytes(70_000), one.address(5))
  await one.write(randomBytes(4 * MIB), one.address(5))
  const { digest } = await one.control.freezeExtent({ epoch: 1n, address: one.address(5) })
  const order = {
    ...{ epoch: 1n, bucketId: 9n, salt: SALT, generation: 2, orderId: 2n },
    capacityBytes: BigInt(16 * MIB),
    records: await recordsOf(one, 5),
    expectedDigest: digest,
  }
  const remote = [{ address: one.address(5), blockAddress: one.node.addresses.block }]
  const built = { ...order, address: two.address(8), sources: remote }
  for (const attempt of ['first', 'repeated']) {
    const report = await two.control.buildExtent(built)
    expect(report, attempt).toMatchObject({ state: 'sealed', digest, recordCount: 2n })
  }
  expect(await two.read(hash, two.address(8))).toHaveLength(70_000)
  const own = [{ address: one.address(5), blockAddress: '' }]
  const copy = await one.control.buildExtent({ ...order, address: one.address(10), sources: own })
  expect(copy).toMatchObject({ state: 'sealed', digest })
  const nowhere = [{ address: one.address(99), blockAddress: one.node.addresses.block }]
  const failed = two.control.buildExtent({ ...order, address: two.address(11), sources: nowhere })
  await expect(failed).rejects.toMatchObject({ code: 'block-unreadable' })
  const { extents } = await two.control.listExtents({})
  expect(extents.map((extent) => extent.extentId)).toEqual([8n])
})

async function recordsOf(node: TestNode, extent: number) {
  const records: RecordSummary[] = []
  const pages = node.control.listRecords({ address: node.address(extent) })
  for await (const page of pages) records.push(...page.records)
  return records
}

test('after a failed sync the node acknowledges nothing until all was read from media', async () => {
  await makeDisk(1)
  const disk = new FaultyDisk(await NodeDisk.open(join(directory.path, 'disk-1')))
  const node = await start(1, { disk })
  await node.createExtent(5)
  const hash = await node.write(randomBytes(5_000), node.address(5))
  disk.fail({ kind: 'file.sync', path: /\.extent$/, code: 'EIO' })
  await expect(node.write(randomBytes(10), node.address(5))).rejects.toBeInstanceOf(KuraError)
  const refused = node.write(randomBytes(10), node.address(5))
  await expect(refused).rejects.toMatchObject({ code: 'disk-suspect' })
  await vi.waitFor(() => expect(lastHeartbeat()?.suspect).toBe(true))
  expect(await readiness(node)).toMatchObject({ ready: false, reasons: [{ code: 'suspect' }] })
  expect(await node.read(hash, node.address(5))).toHaveLength(5_000)
  await node.stop()
  const again = await start(1)
  await expect(again.createExtent(6)).rejects.toMatchObject({ code: 'disk-suspect' })
  const verification = await again.control.verifyDisk({}, { timeoutMs: TIMEOUT_MS })
  expect(verification).toMatchObject({ readmitted: true, damages: [] })
  await vi.waitFor(() => expect(lastHeartbeat()?.suspect).toBe(false))
  await again.createExtent(6)
  await again.write(randomBytes(10), again.address(6))
})

test('a full disk refuses extents, then writes, and goes on reading', async () => {
  await makeDisk(1)
  const disk = new FaultyDisk(await NodeDisk.open(join(directory.path, 'disk-1')))
  const node = await start(1, { disk })
  await node.createExtent(5)
  const hash = await node.write(randomBytes(5_000), node.address(5))
  disk.pretendSpace({ totalBytes: 1000 * MIB, freeBytes: 80 * MIB })
  await vi.waitFor(() => expect(lastHeartbeat()?.fullness).toBe('no-new-extents'), TIMEOUT_MS)
  await expect(node.createExtent(6)).rejects.toMatchObject({ code: 'disk-full' })
  await node.write(randomBytes(10), node.address(5))
  disk.pretendSpace({ totalBytes: 1000 * MIB, freeBytes: 20 * MIB })
  await vi.waitFor(() => expect(lastHeartbeat()?.fullness).toBe('no-writes'), TIMEOUT_MS)
  const refused = node.write(randomBytes(10), node.address(5))
  await expect(refused).rejects.toMatchObject({ code: 'disk-full' })
  expect(await readiness(node)).toMatchObject({ reasons: [{ code: 'no-writes' }] })
  expect(await node.read(hash, node.address(5))).toHaveLength(5_000)
})

test('damage is on the list after a read that met it, and the read is refused', async () => {
  const slow = { KURA_STORAGE_NODE_SCRUB_BYTES_PER_SECOND: '4096' }
  const node = await startFresh(1, { settings: slow })
  await node.createExtent(5)
  const bytes = randomBytes(1 * MIB)
  const hash = await node.write(bytes, node.address(5))
  await flipBit(bytes)
  await expect(node.read(hash, node.address(5))).rejects.toMatchObject({ code: 'record-damaged' })
  await vi.waitFor(() => expect(lastHeartbeat()?.damageCount).toBe(1n))
  expect(lastHeartbeat()?.damages[0]).toMatchObject({ extentId: 5n, diskUuid: node.node.diskUuid })
})

test('the scrubber finds a bit that nobody read', async () => {
  const fast = {
    KURA_STORAGE_NODE_SCRUB_BYTES_PER_SECOND: String(64 * MIB),
    KURA_STORAGE_NODE_SCRUB_PERIOD_MS: '10',
  }
  const node = await startFresh(1, { settings: fast })
  await node.createExtent(5)
  const bytes = randomBytes(1 * MIB)
  const hash = await node.write(bytes, node.address(5))
  const { digest } = await node.control.freezeExtent({ epoch: 1n, address: node.address(5) })
  const seal = { epoch: 1n, address: node.address(5), expectedDigest: digest }
  await node.control.sealExtent(seal)
  await flipBit(bytes)
  await vi.waitFor(() => expect(lastHeartbeat()?.damages[0]?.hash).toEqual(hash), TIMEOUT_MS)
  const verification = await node.control.verifyDisk({}, { timeoutMs: TIMEOUT_MS })
  expect(verification.damages.length).toBeGreaterThan(0)
})

/** Flips one bit in the middle of a payload, wherever on disk 1 it lies. */
async function flipBit(payload: Buffer): Promise<void> {
  const extents = join(directory.path, 'disk-1', 'extents')
  const [name] = (await readdir(extents)).filter((entry) => entry.endsWith('.extent'))
  await using file = await open(join(extents, name ?? ''), 'r+')
  const all = await file.readFile()
  const offset = all.indexOf(payload.subarray(0, 1024)) + payload.length / 2
  expect(offset).toBeGreaterThan(payload.length / 2)
  await file.write(Buffer.of((all[offset] ?? 0) ^ 1), 0, 1, offset)
  await file.sync()
}

test('a stop lets the requests under way end', async () => {
  const node = await startFresh(1)
  await node.createExtent(5)
  const blocks = Array.from({ length: 8 }, () => randomBytes(1 * MIB))
  const writes = blocks.map((bytes) => node.write(bytes, node.address(5)))
  await writes[0]
  const stopped = node.node[Symbol.asyncDispose]()
  const outcomes = await Promise.allSettled(writes)
  await stopped
  const again = await start(1)
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.status === 'rejected') continue
    const read = await again.read(outcome.value, again.address(5))
    expect(blocks[index]?.equals(read)).toBe(true)
  }
  expect(hashFromBytes((await writes[0]) ?? Buffer.alloc(0))).toHaveLength(64)
})
