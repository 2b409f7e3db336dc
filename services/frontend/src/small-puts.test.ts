/** Small puts under way at the same time: a real frontend, real sockets, fakes behind them. */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { afterEach, expect, it } from 'vitest'
import { KIB, KuraError } from '@kura/core'
import { SystemClock } from '@kura/runtime'
import { BlockClient, EXCHANGE_BLOCKS_BYTES_MAX, BLOCKS_PER_EXCHANGE_MAX } from '@kura/transport'
import { SMALL_PUT_GROUP_PATIENCE_MS, SMALL_PUT_GROUPS_MAX } from './limits.ts'
import { FakeZone } from './testing/fake-zone.ts'
import { hashOf } from './testing/http-caller.ts'

const PATIENCE = { timeout: 20_000 }
const PUTS = 12
const TIMEOUT_MS = 20_000
const never = new AbortController().signal

/** Groups that take long go on counting: so those behind them wait until the test says so. */
class PatientClock extends SystemClock {
  override schedule(delayMs: number, callback: () => void): () => void {
    if (delayMs === SMALL_PUT_GROUP_PATIENCE_MS) return () => undefined
    return super.schedule(delayMs, callback)
  }
}

let zone: FakeZone | undefined
let client: BlockClient | undefined

async function start(options: Parameters<typeof FakeZone.start>[0] = {}): Promise<FakeZone> {
  const hello = { pocket: '', zone: '', role: 'client' } as const
  const connectionsPerAddressMax = 4 * PUTS
  client = new BlockClient({ hello, clock: new SystemClock(), connectionsPerAddressMax })
  zone = await FakeZone.start(options)
  return zone
}

afterEach(async () => {
  if (zone !== undefined) {
    await expect
      .poll(async () => await zone?.metrics(), PATIENCE)
      .toMatch(/kura_frontend_slabs_used 0\n/)
  }
  client?.close()
  await zone?.[Symbol.asyncDispose]()
  zone = undefined
})

interface Said {
  readonly crc?: number
  readonly signal?: AbortSignal
}

/** Puts a block; answers the bucket it is in, or the code of the refusal. */
async function put(at: FakeZone, bytes: Buffer, said: Said = {}): Promise<number | string> {
  const { crc = crc32(bytes), signal = never } = said
  const hash = Buffer.from(hashOf(bytes), 'hex')
  const sizeBytes = bytes.length
  try {
    const outgoing = await client?.openPut(
      at.frontend.addresses.block,
      { operation: { case: 'putBlock', value: { hash, sizeBytes } } },
      { sizeBytes, timeoutMs: TIMEOUT_MS, signal },
    )
    await outgoing?.write(bytes)
    const { outcome } = (await outgoing?.commit({ crc, hash })) ?? { outcome: undefined }
    return outcome?.case === 'putBlock' ? Number(outcome.value.bucketId) : 'no receipt'
  } catch (error) {
    return error instanceof KuraError ? error.code : String(error)
  }
}

/** As many groups under way as there may be: what is put now waits for them, to leave together. */
async function holdGroups(at: FakeZone): Promise<{ readonly release: () => Promise<void> }> {
  const gate = Promise.withResolvers<void>()
  for (const node of at.nodes) node.writeDelay = async () => await gate.promise
  const held: Promise<number | string>[] = []
  for (let group = 1; group <= SMALL_PUT_GROUPS_MAX; group += 1) {
    held.push(put(at, randomBytes(100)))
    await expect.poll(() => writesOf(at), PATIENCE).toBe(3 * group)
  }
  const before = at.index.locateCount
  const release = async (): Promise<void> => {
    // All are asked for; each then needs a few turns to be in line.
    await expect.poll(() => at.index.locateCount, PATIENCE).toBeGreaterThan(before)
    await new SystemClock().sleep(200)
    gate.resolve()
    for (const answer of await Promise.all(held)) expect(answer).toBeTypeOf('number')
  }
  return { release }
}

function writesOf(at: FakeZone): number {
  return at.nodes.reduce((sum, { writeCount }) => sum + writeCount, 0)
}

function groupCounts(at: FakeZone): number[] {
  return at.nodes.flatMap((node) => node.groupCounts)
}

function copiesOf(at: FakeZone, bytes: Buffer): number {
  const hash = hashOf(bytes)
  return at.nodes.filter((node) => [...node.records.keys()].some((key) => key.endsWith(hash)))
    .length
}

function blocksOf(count: number, sizeBytes: number): Buffer[] {
  return Array.from({ length: count }, () => randomBytes(sizeBytes))
}

it('small puts under way at the same time are written together, each with its receipt', async () => {
  const at = await start({ clock: new PatientClock() })
  const held = await holdGroups(at)
  const blocks = blocksOf(PUTS, 4 * KIB)
  const putting = Promise.all(blocks.map((bytes) => put(at, bytes)))
  await held.release()
  for (const answer of await putting) expect(answer).toBeTypeOf('number')
  for (const bytes of blocks) {
    expect(copiesOf(at, bytes)).toBe(3)
    expect((await at.get(hashOf(bytes))).body.equals(bytes)).toBe(true)
  }
  expect(Math.max(...groupCounts(at))).toBeGreaterThan(1)
  const records = groupCounts(at).reduce((sum, count) => sum + count, 0)
  expect(records).toBe(3 * (PUTS + SMALL_PUT_GROUPS_MAX))
})

it('a group has no more records, and no more bytes, than an exchange may', async () => {
  const settings = { KURA_FRONTEND_LARGE_SLABS: '64', KURA_FRONTEND_SMALL_SLABS: '64' }
  const at = await start({ clock: new PatientClock(), settings })
  const held = await holdGroups(at)
  const blocks = [...blocksOf(BLOCKS_PER_EXCHANGE_MAX + 8, 10), ...blocksOf(20, 64 * KIB)]
  const putting = Promise.all(blocks.map((bytes) => put(at, bytes)))
  await held.release()
  for (const answer of await putting) expect(answer).toBeTypeOf('number')
  expect(Math.max(...groupCounts(at))).toBeLessThanOrEqual(BLOCKS_PER_EXCHANGE_MAX)
  const largest = Math.max(...at.nodes.flatMap((node) => node.payloadSizesBytes))
  expect(largest).toBeLessThanOrEqual(EXCHANGE_BLOCKS_BYTES_MAX)
})

it('one record that its disk refuses is nobody else’s failure', async () => {
  const at = await start({ clock: new PatientClock() })
  const blocks = blocksOf(PUTS, 4 * KIB)
  const [refused = Buffer.alloc(0), ...others] = blocks
  // One disk of each volume: so the put finds no volume at last.
  for (const index of [0, 3]) at.node(index).refuseRecord = hashOf(refused)
  const held = await holdGroups(at)
  const putting = blocks.map((bytes) => put(at, bytes))
  await held.release()
  const [answer, ...rest] = await Promise.all(putting)
  expect(answer).toBe('no-open-volume')
  for (const one of rest) expect(one).toBeTypeOf('number')
  for (const bytes of others) expect(copiesOf(at, bytes)).toBe(3)
  expect(at.index.rows.has(hashOf(refused))).toBe(false)
  await expect.poll(() => at.reports.length, PATIENCE).toBe(2)
  const reported = at.reports.map(({ hash }) => Buffer.from(hash).toString('hex'))
  expect(reported).toEqual([hashOf(refused), hashOf(refused)])
})

it('puts whose volume fails them go on together to another one', async () => {
  const at = await start({ clock: new PatientClock() })
  const held = await holdGroups(at)
  const blocks = blocksOf(PUTS, 4 * KIB)
  const putting = Promise.all(blocks.map((bytes) => put(at, bytes)))
  at.node(0).refuseRecord = 'every'
  await held.release()
  for (const answer of await putting) expect(answer).toBe(at.volume(1).bucketId)
  for (const bytes of blocks)
    expect(at.volume(1).nodes.every((node) => has(node, bytes))).toBe(true)
})

function has(node: FakeZone['nodes'][number], bytes: Buffer): boolean {
  return [...node.records.keys()].some((key) => key.endsWith(hashOf(bytes)))
}

it('a caller who gives a wrong CRC fails alone, and no volume is left for it', async () => {
  const at = await start({ clock: new PatientClock() })
  const held = await holdGroups(at)
  const [wrong = Buffer.alloc(0), ...others] = blocksOf(PUTS, 4 * KIB)
  const failing = put(at, wrong, { crc: (crc32(wrong) ^ 1) >>> 0 })
  const putting = Promise.all(others.map((bytes) => put(at, bytes)))
  await held.release()
  expect(await failing).toBe('payload-damaged')
  for (const answer of await putting) expect(answer).toBeTypeOf('number')
  expect(at.reports).toEqual([])
  expect(await at.metrics()).toContain('kura_frontend_avoided_volumes 0\n')
})

it('the same block twice in a group is acknowledged twice', async () => {
  const at = await start({ clock: new PatientClock() })
  const held = await holdGroups(at)
  const bytes = randomBytes(4 * KIB)
  const putting = Promise.all([put(at, bytes), put(at, bytes), put(at, bytes)])
  await held.release()
  const [first, ...others] = await putting
  expect(first).toBeTypeOf('number')
  expect(others).toEqual([first, first])
  expect(copiesOf(at, bytes)).toBe(3)
})

it('a caller who leaves the line takes his own block out and no other', async () => {
  const at = await start({ clock: new PatientClock() })
  const held = await holdGroups(at)
  const [gone = Buffer.alloc(0), ...others] = blocksOf(PUTS, 4 * KIB)
  const before = at.index.locateCount
  const leaving = new AbortController()
  const left = put(at, gone, { signal: leaving.signal })
  const putting = Promise.all(others.map((bytes) => put(at, bytes)))
  await expect.poll(() => at.index.locateCount, PATIENCE).toBe(before + PUTS)
  leaving.abort(new KuraError('cancelled', 'enough'))
  expect(await left).toBe('cancelled')
  const cancelled = /requests_total\{.*operation="putBlock",code="cancelled"\} 1\n/
  await expect.poll(async () => await at.metrics(), PATIENCE).toMatch(cancelled)
  await held.release()
  for (const answer of await putting) expect(answer).toBeTypeOf('number')
  expect(copiesOf(at, gone)).toBe(0)
  expect(at.index.rows.has(hashOf(gone))).toBe(false)
})

it('a caller who leaves a group on its way is not recorded, and his buffer is held', async () => {
  const at = await start({ clock: new PatientClock() })
  const gate = Promise.withResolvers<void>()
  for (const node of at.nodes) node.writeDelay = async () => await gate.promise
  const leaving = new AbortController()
  const gone = randomBytes(4 * KIB)
  const left = put(at, gone, { signal: leaving.signal })
  await expect.poll(() => writesOf(at), PATIENCE).toBe(3)
  leaving.abort(new KuraError('cancelled', 'enough'))
  expect(await left).toBe('cancelled')
  const cancelled = /requests_total\{.*operation="putBlock",code="cancelled"\} 1\n/
  await expect.poll(async () => await at.metrics(), PATIENCE).toMatch(cancelled)
  expect(await at.metrics()).toContain('kura_frontend_slabs_used 1\n')
  gate.resolve()
  await expect.poll(() => copiesOf(at, gone), PATIENCE).toBe(3)
  expect(at.index.rows.has(hashOf(gone))).toBe(false)
})

it('a disk that hangs holds up no put of another volume', async () => {
  const at = await start()
  const gate = Promise.withResolvers<void>()
  at.node(0).writeDelay = async () => await gate.promise
  const putting: Promise<number | string>[] = []
  let answeredCount = 0
  while (at.node(0).groupCounts.length <= SMALL_PUT_GROUPS_MAX) {
    const hungCount = at.node(0).groupCounts.length
    const before = answeredCount
    putting.push(put(at, randomBytes(100)).finally(() => (answeredCount += 1)))
    await expect
      .poll(() => answeredCount > before || at.node(0).groupCounts.length > hungCount, PATIENCE)
      .toBe(true)
  }
  const before = answeredCount
  while (answeredCount === before) {
    putting.push(put(at, randomBytes(100)).finally(() => (answeredCount += 1)))
    await new SystemClock().sleep(SMALL_PUT_GROUP_PATIENCE_MS)
  }
  gate.resolve()
  for (const answer of await Promise.all(putting)) expect(answer).toBeTypeOf('number')
})

it('a large block is written alone, and where groups are off a small one too', async () => {
  const at = await start({ smallPutBytesMax: 1000 })
  for (const sizeBytes of [1001, 64 * KIB + 1]) {
    const bytes = randomBytes(sizeBytes)
    expect(await put(at, bytes)).toBeTypeOf('number')
    expect(copiesOf(at, bytes)).toBe(3)
  }
  expect(groupCounts(at)).toEqual([])
  expect(await put(at, randomBytes(1000))).toBeTypeOf('number')
  expect(groupCounts(at)).toEqual([1, 1, 1])
})
