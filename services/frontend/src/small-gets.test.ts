/** Small blocks that one client gets or puts together: a real frontend, fakes behind it. */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { afterEach, expect, it } from 'vitest'
import { KIB } from '@kura/core'
import type { GetBlocksResponse, PutBlocksResponse } from '@kura/proto'
import { SystemClock } from '@kura/runtime'
import { BlockClient, EXCHANGE_BLOCKS_BYTES_MAX } from '@kura/transport'
import { FakeZone } from './testing/fake-zone.ts'
import { hashOf } from './testing/http-caller.ts'

const TIMEOUT_MS = 20_000
const never = new AbortController().signal

let zone: FakeZone | undefined
let client: BlockClient | undefined

async function start(options: Parameters<typeof FakeZone.start>[0] = {}): Promise<FakeZone> {
  const hello = { pocket: '', zone: '', role: 'client' } as const
  client = new BlockClient({ hello, clock: new SystemClock() })
  zone = await FakeZone.start(options)
  return zone
}

afterEach(async () => {
  if (zone !== undefined) {
    const metrics = async () => await zone?.metrics()
    await expect.poll(metrics).toMatch(/kura_frontend_slabs_used 0\n/)
  }
  client?.close()
  await zone?.[Symbol.asyncDispose]()
  zone = undefined
})

function blocksOf(sizesBytes: readonly number[]): Buffer[] {
  return sizesBytes.map((sizeBytes) => randomBytes(sizeBytes))
}

function bytesOf(hash: string): Buffer {
  return Buffer.from(hash, 'hex')
}

/** What came, by hash. */
async function get(at: FakeZone, hashes: readonly string[]): Promise<Map<string, Buffer>> {
  const blocks = hashes.map((hash, index) => ({ hash: bytesOf(hash), requestId: `get-${index}` }))
  const answer = await client?.exchange(
    at.frontend.addresses.block,
    { requestId: 'gets', operation: { case: 'getBlocks', value: { blocks } } },
    { timeoutMs: TIMEOUT_MS, signal: never, receive: (sizeBytes) => Buffer.alloc(sizeBytes) },
  )
  const outcome = answer?.response.outcome
  const infos = (
    outcome?.case === 'getBlocks' ? outcome.value : { blocks: [] }
  ) as GetBlocksResponse
  const payload = Buffer.from(answer?.payload ?? [])
  let endBytes = 0
  const came = infos.blocks.map(({ hash, sizeBytes }) => {
    const bytes = payload.subarray(endBytes, endBytes + sizeBytes)
    endBytes += sizeBytes
    return [Buffer.from(hash).toString('hex'), bytes] as const
  })
  expect(endBytes).toBe(payload.length)
  return new Map(came)
}

interface Lie {
  readonly hash?: Buffer
  readonly plainCrc?: number
}

/** The hashes that there are receipts for. */
async function put(
  at: FakeZone,
  blocks: readonly Buffer[],
  lies: Readonly<Record<number, Lie>> = {},
): Promise<string[]> {
  const payload = Buffer.concat(blocks)
  const said = blocks.map((bytes, index) => ({
    ...{ hash: bytesOf(hashOf(bytes)), sizeBytes: bytes.length, plainCrc: crc32(bytes) },
    ...{ requestId: `put-${index}`, ...lies[index] },
  }))
  const outgoing = await client?.openPut(
    at.frontend.addresses.block,
    { requestId: 'puts', operation: { case: 'putBlocks', value: { blocks: said } } },
    { sizeBytes: payload.length, isAtHand: true, timeoutMs: TIMEOUT_MS, signal: never },
  )
  void outgoing?.write(payload)
  const response = await outgoing?.commit({ crc: crc32(payload), hash: undefined })
  const outcome = response?.outcome
  const { receipts } = (
    outcome?.case === 'putBlocks' ? outcome.value : { receipts: [] }
  ) as PutBlocksResponse
  return receipts.map(({ hash }) => Buffer.from(hash).toString('hex'))
}

function copiesOf(at: FakeZone, hash: string): number {
  const isCopy = (key: string): boolean => key.endsWith(hash)
  return at.nodes.filter((node) => [...node.records.keys()].some(isCopy)).length
}

function readGroups(at: FakeZone): number[] {
  return at.nodes.flatMap((node) => node.readGroupCounts)
}

it('small blocks are put and got together, from few disks, each as if it were alone', async () => {
  const at = await start()
  const blocks = blocksOf([1, 4_096, 64 * KIB, 100, 5_000, 6_000, 7_000, 8_000])
  const hashes = blocks.map(hashOf)
  expect((await put(at, blocks)).toSorted()).toEqual(hashes.toSorted())
  for (const hash of hashes) expect(copiesOf(at, hash)).toBe(3)
  const got = await get(at, hashes)
  for (const bytes of blocks) expect(got.get(hashOf(bytes))?.equals(bytes)).toBe(true)
  const groups = readGroups(at)
  expect(groups.reduce((sum, count) => sum + count, 0)).toBe(blocks.length)
  // Two volumes, of three disks each.
  expect(groups.length).toBeLessThanOrEqual(4)
  const metrics = await at.metrics()
  expect(metrics).toContain('requests_total{door="block",operation="getBlocks",code="ok"} 1')
  const gets = `requests_total{door="block",operation="getBlock",code="ok"} ${blocks.length}`
  const puts = `requests_total{door="block",operation="putBlock",code="ok"} ${blocks.length}`
  expect(metrics).toContain(gets)
  expect(metrics).toContain(puts)
})

it('what is unknown, large or damaged is left to be asked for alone', async () => {
  const at = await start()
  const blocks = blocksOf([4_000, 5_000, 64 * KIB + 1, 6_000])
  for (const bytes of blocks) await at.put(bytes)
  const [first = '', damaged = '', large = '', last = ''] = blocks.map(hashOf)
  const volume = at.volumeOf(Number(at.index.rows.get(damaged)?.bucketId))
  for (const [index, node] of volume.nodes.entries()) {
    node.damage(volume.extentIds[index] ?? 0, damaged)
  }
  const got = await get(at, [first, damaged, 'ab'.repeat(32), large, last])
  expect([...got.keys()].toSorted()).toEqual([first, last].toSorted())
  expect(got.get(last)?.equals(blocks[3] ?? Buffer.alloc(0))).toBe(true)
  await expect.poll(() => at.reports.map(({ code }) => code)).toContain('record-damaged')
  expect((await get(at, ['cd'.repeat(32)])).size).toBe(0)
})

it('more than one exchange takes is left out, and comes when it is asked for', async () => {
  const settings = { KURA_FRONTEND_LARGE_SLABS: '4', KURA_FRONTEND_SMALL_SLABS: '4' }
  const at = await start({ settings })
  const blocks = blocksOf(Array.from({ length: 20 }, () => 64 * KIB))
  await put(at, blocks.slice(0, 16))
  await put(at, blocks.slice(16))
  const hashes = blocks.map(hashOf)
  const got = await get(at, hashes)
  expect(got.size).toBe(EXCHANGE_BLOCKS_BYTES_MAX / (64 * KIB))
  const rest = hashes.filter((hash) => !got.has(hash))
  expect((await get(at, rest)).size).toBe(rest.length)
})

it('a disk that fails, hangs or is gone costs its blocks their company, and no answer', async () => {
  const at = await start()
  const blocks = blocksOf(Array.from({ length: 8 }, () => 4_000))
  const hashes = blocks.map(hashOf)
  await put(at, blocks)
  for (const node of at.nodes) node.refuseReads = 'disk-error'
  expect((await get(at, hashes)).size).toBe(0)
  for (const node of at.nodes) node.refuseReads = undefined
  const gate = Promise.withResolvers<void>()
  for (const node of at.nodes) node.readDelay = async () => await gate.promise
  const startedAtMs = performance.now()
  expect((await get(at, hashes)).size).toBe(0)
  expect(performance.now() - startedAtMs).toBeLessThan(TIMEOUT_MS / 4)
  gate.resolve()
  for (const node of at.nodes) node.readDelay = undefined
  expect((await get(at, hashes)).size).toBe(8)
  for (const node of at.nodes) await node.stop()
  expect((await get(at, hashes)).size).toBe(0)
})

it('of puts that come together, those that are wrong are left out and nothing of them stays', async () => {
  const at = await start()
  const blocks = blocksOf([4_000, 5_000, 6_000, 7_000])
  const [first = '', wrongHash = '', wrongCrc = '', last = ''] = blocks.map(hashOf)
  const other = randomBytes(32)
  const stored = await put(at, blocks, { 1: { hash: other }, 2: { plainCrc: 1 } })
  expect(stored.toSorted()).toEqual([first, last].toSorted())
  for (const hash of [wrongHash, wrongCrc, other.toString('hex')]) {
    expect(copiesOf(at, hash)).toBe(0)
    expect(at.index.rows.has(hash)).toBe(false)
  }
  expect(copiesOf(at, last)).toBe(3)
})

it('a block that is stored already has its receipt, and no second copy is written', async () => {
  const at = await start()
  const [bytes = Buffer.alloc(0), fresh = bytes] = blocksOf([4_000, 5_000])
  await at.put(bytes)
  const before = at.nodes.reduce((sum, { writeCount }) => sum + writeCount, 0)
  expect((await put(at, [bytes, fresh, bytes])).toSorted()).toEqual(
    [hashOf(bytes), hashOf(bytes), hashOf(fresh)].toSorted(),
  )
  expect(at.nodes.reduce((sum, { writeCount }) => sum + writeCount, 0)).toBe(before + 3)
})
