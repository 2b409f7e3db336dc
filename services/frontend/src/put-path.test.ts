/** The put path of a real frontend against fakes of everything behind it, on real sockets. */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { afterEach, expect, it } from 'vitest'
import { BLOCK_SIZE_BYTES_MAX, MIB, type ErrorCode } from '@kura/core'
import { SystemClock } from '@kura/runtime'
import { BlockClient, PASSED_ON_RATE_WINDOW_MS } from '@kura/transport'
import { FakeZone } from './testing/fake-zone.ts'
import { hashOf, type HttpAnswer } from './testing/http-caller.ts'

let zone: FakeZone | undefined
const never = new AbortController().signal

async function start(options: Parameters<typeof FakeZone.start>[0] = {}): Promise<FakeZone> {
  zone = await FakeZone.start(options)
  return zone
}

afterEach(async () => {
  const metrics = (await zone?.metrics()) ?? ''
  await zone?.[Symbol.asyncDispose]()
  zone = undefined
  expect(metrics).toMatch(/kura_frontend_slabs_used 0\n/)
})

/** As the machine tells it, and so much further. */
class ClockAhead extends SystemClock {
  aheadMs = 0

  override monotonicMs(): number {
    return super.monotonicMs() + this.aheadMs
  }
}

/** Puts over the block door whose second half comes when told. */
class BlockCaller {
  readonly #address: string
  readonly #client = new BlockClient({
    hello: { pocket: '', zone: '', role: 'client' },
    clock: new SystemClock(),
  })

  constructor(address: string) {
    this.#address = address
  }

  async begin(bytes: Buffer) {
    const hash = Buffer.from(hashOf(bytes), 'hex')
    const sizeBytes = bytes.length
    const value = { hash, sizeBytes, expectContinue: true }
    const outgoing = await this.#client.openPut(
      this.#address,
      { operation: { case: 'putBlock', value } },
      { sizeBytes, timeoutMs: 10_000, signal: never },
    )
    const half = sizeBytes / 2
    await outgoing.write(bytes.subarray(0, half))
    const finish = async () => {
      await outgoing.write(bytes.subarray(half))
      return await outgoing.commit({ crc: crc32(bytes), hash })
    }
    return { finish }
  }

  [Symbol.dispose](): void {
    this.#client.close()
  }
}

/** How many copies of the block lie where the receipt says. */
function copiesOf(from: FakeZone, answer: HttpAnswer): number {
  const volume = from.volumeOf(Number(answer.json['bucketId']))
  const hash = String(answer.json['hash'])
  return volume.nodes.filter((node, at) => node.has(volume.extentIds[at] ?? 0, hash)).length
}

it('a put is acknowledged with a receipt once three copies and the row are there', async () => {
  const at = await start()
  for (const sizeBytes of [1, 3840, 65_536, MIB + 1, BLOCK_SIZE_BYTES_MAX]) {
    const bytes = randomBytes(sizeBytes)
    const answer = await at.put(bytes)
    expect(answer.status).toBe(201)
    expect(answer.json).toMatchObject({
      hash: hashOf(bytes),
      sizeBytes,
      zone: 'a',
      volumeKind: 'replicated-3',
      newlyStored: true,
      zonesAcknowledged: ['a'],
    })
    expect(copiesOf(at, answer)).toBe(3)
    expect(at.index.rows.get(hashOf(bytes))?.sizeBytes).toBe(sizeBytes)
    expect((await at.get(hashOf(bytes))).body.equals(bytes)).toBe(true)
  }
})

it('a put of what is stored is confirmed by the index and writes nothing', async () => {
  const at = await start()
  const bytes = randomBytes(5000)
  await at.put(bytes)
  const before = at.nodes.reduce((sum, node) => sum + node.records.size, 0)
  const answer = await at.put(bytes)
  expect(answer.status).toBe(200)
  expect(answer.json['newlyStored']).toBe(false)
  expect(at.index.confirmCount).toBe(1)
  expect(at.nodes.reduce((sum, node) => sum + node.records.size, 0)).toBe(before)
})

it('a dedupe answer comes before the upload where the caller waits for it', async () => {
  const at = await start()
  const bytes = randomBytes(5000)
  const headers = { expect: '100-continue' }
  expect((await at.put(bytes, headers)).status).toBe(201)
  // The caller sends the body only on `continue`: an answer means that none was asked for.
  expect((await at.put(bytes, headers)).status).toBe(200)
})

it('a wrong hash stores nothing anywhere', async () => {
  const at = await start()
  const bytes = randomBytes(MIB)
  const answer = await at.http('PUT', `/v1/blocks/${hashOf(Buffer.from('other'))}`, { body: bytes })
  expect(answer.status).toBe(422)
  expect(answer.json['code']).toBe('hash-mismatch')
  await expect.poll(() => at.nodes.reduce((sum, node) => sum + node.abortedCount, 0)).toBe(3)
  expect(at.nodes.every((node) => node.records.size === 0)).toBe(true)
  expect(at.index.rows.size).toBe(0)
  expect(at.reports).toEqual([])
})

it.each<[ErrorCode, 'early' | 'late']>([
  ['extent-frozen', 'early'],
  ['disk-error', 'late'],
  ['disk-full', 'early'],
  ['body-too-slow', 'late'],
])(
  'a copy that says %s (%s) sends the put to another volume and is reported',
  async (code, when) => {
    const at = await start()
    at.node(1).refuseWrites = { code, when }
    for (let round = 0; round < 6; round += 1) {
      const answer = await at.put(randomBytes(300_000))
      expect(answer.status).toBe(201)
      expect(answer.json['bucketId']).toBe(at.volume(1).bucketId)
      expect(copiesOf(at, answer)).toBe(3)
    }
    // The volume is avoided after the first failure, so there is one report at most.
    expect(at.reports.length).toBeLessThanOrEqual(1)
    for (const report of at.reports) {
      expect(report).toMatchObject({ code, operation: 'write', diskUuid: at.node(1).diskUuid })
    }
  },
)

it('a node that is gone sends the put to another volume', async () => {
  const at = await start()
  await at.node(0).stop()
  for (let round = 0; round < 4; round += 1) {
    const answer = await at.put(randomBytes(100_000))
    expect(answer.json['bucketId']).toBe(at.volume(1).bucketId)
  }
})

it('a body that comes slowly to us is no failure of the node that says so', async () => {
  const clock = new ClockAhead()
  const at = await start({ clock })
  at.node(0).refuseWrites = { code: 'body-too-slow', when: 'late' }
  using client = new BlockCaller(at.frontend.addresses.block)
  for (let round = 0; round < 50 && at.node(0).writeCount === 0; round += 1) {
    const begunCount = at.nodes.reduce((sum, node) => sum + node.writeCount, 0)
    const put = await client.begin(randomBytes(200_000))
    await expect
      .poll(() => at.nodes.reduce((sum, node) => sum + node.writeCount, 0))
      .toBeGreaterThanOrEqual(begunCount + 3)
    clock.aheadMs += PASSED_ON_RATE_WINDOW_MS
    expect((await put.finish()).outcome).toMatchObject({ value: { newlyStored: true } })
  }
  expect(at.node(0).writeCount).toBe(1)
  expect(await at.metrics()).toContain('operation="write",code="overloaded"} 1')
  expect(at.reports).toEqual([])
})

it('a node with too much to do is not reported', async () => {
  const at = await start()
  at.node(0).refuseWrites = { code: 'overloaded', when: 'early' }
  for (let round = 0; round < 4; round += 1) {
    expect((await at.put(randomBytes(10_000))).status).toBe(201)
  }
  expect(at.reports).toEqual([])
})

it('when every volume refuses, the put fails and nothing is acknowledged', async () => {
  const at = await start()
  at.node(0).refuseWrites = { code: 'disk-error', when: 'late' }
  at.node(3).refuseWrites = { code: 'disk-error', when: 'late' }
  const answer = await at.put(randomBytes(10_000))
  expect(answer.status).toBe(503)
  expect(answer.headers['retry-after']).toBe('1')
  expect(answer.json['code']).toBe('no-open-volume')
  expect(at.index.rows.size).toBe(0)
})

it('a full zone answers 507', async () => {
  const at = await start()
  for (const node of at.nodes) node.refuseWrites = { code: 'disk-full', when: 'early' }
  const answer = await at.put(randomBytes(10_000))
  expect(answer.status).toBe(507)
  expect(answer.json['code']).toBe('disk-full')
})

it('a closed gate sends the put to another volume', async () => {
  const at = await start()
  at.index.closedGates.add(BigInt(at.volume(0).bucketId))
  for (let round = 0; round < 5; round += 1) {
    const answer = await at.put(randomBytes(1000))
    expect(answer.json['bucketId']).toBe(at.volume(1).bucketId)
  }
})

it('a lost answer of the index is asked for again', async () => {
  const at = await start()
  at.index.lostAnswers = 2
  const bytes = randomBytes(1000)
  const answer = await at.put(bytes)
  expect([200, 201]).toContain(answer.status)
  expect((await at.get(hashOf(bytes))).body.equals(bytes)).toBe(true)
})

it('without the index nothing is acknowledged', async () => {
  const at = await start()
  at.index.isDown = true
  const answer = await at.put(randomBytes(1000))
  expect(answer.status).toBe(503)
  expect(at.index.rows.size).toBe(0)
})

it('a block with a damaged copy is written anew by the next put', async () => {
  const at = await start()
  const bytes = randomBytes(20_000)
  const first = await at.put(bytes)
  const volume = at.volumeOf(Number(first.json['bucketId']))
  for (const [index, node] of volume.nodes.entries()) {
    node.damage(volume.extentIds[index] ?? 0, hashOf(bytes))
  }
  expect((await at.get(hashOf(bytes))).status).toBe(503)
  const second = await at.put(bytes)
  expect(second.status).toBe(201)
  expect((await at.get(hashOf(bytes))).body.equals(bytes)).toBe(true)
})

it('an index insert that is delayed past the close of its volume is acknowledged and reads back', async () => {
  const gate = Promise.withResolvers<void>()
  const at = await start({ beforeRecord: async () => await gate.promise })
  const bytes = randomBytes(50_000)
  const putting = at.put(bytes)
  const hash = hashOf(bytes)
  const stored = () =>
    at.nodes.filter((node) => [...node.records.keys()].some((it) => it.endsWith(hash)))
  let isAnswered = false
  const noteAnswer = (): boolean => (isAnswered = true)
  putting.then(noteAnswer, noteAnswer)
  await expect.poll(() => stored().length).toBe(3)
  for (const volume of at.volumes) volume.state = 'closed'
  await at.stopControl('volume-manager')
  await at.startVolumeManager()
  await expect.poll(async () => await at.ready()).toContain('no-open-volume')
  expect(isAnswered, 'answered before its row is there').toBe(false)
  gate.resolve()
  expect((await putting).status).toBe(201)
  expect((await at.get(hash)).body.equals(bytes)).toBe(true)
})

it('the block door stores, confirms and serves like the HTTP door', async () => {
  const at = await start()
  const client = new BlockClient({
    hello: { pocket: '', zone: '', role: 'client' },
    clock: new SystemClock(),
  })
  const bytes = randomBytes(BLOCK_SIZE_BYTES_MAX)
  const hash = Buffer.from(hashOf(bytes), 'hex')
  const sizeBytes = bytes.length
  const put = async (given: Buffer) => {
    const value = { hash: given, sizeBytes, expectContinue: true }
    const outgoing = await client.openPut(
      at.frontend.addresses.block,
      { operation: { case: 'putBlock', value } },
      { sizeBytes, timeoutMs: 10_000, signal: never },
    )
    await outgoing.write(bytes)
    return await outgoing.commit({ crc: crc32(bytes), hash: undefined })
  }
  const stored = await put(hash)
  expect(stored.outcome).toMatchObject({ case: 'putBlock', value: { newlyStored: true } })
  expect((await put(hash)).outcome).toMatchObject({ value: { newlyStored: false } })
  // Without a hash the frontend computes it.
  const computed = (await put(Buffer.alloc(0))).outcome
  expect(computed.case === 'putBlock' && hash.equals(computed.value.hash)).toBe(true)
  const target = Buffer.alloc(sizeBytes)
  await client.exchange(
    at.frontend.addresses.block,
    { operation: { case: 'getBlock', value: { hash } } },
    { timeoutMs: 10_000, signal: never, receive: () => target },
  )
  expect(target.equals(bytes)).toBe(true)
  client.close()
})

it('beyond the buffers and the line a put is refused at once, with Retry-After', async () => {
  const at = await start({ settings: { KURA_FRONTEND_LARGE_SLABS: '2' } })
  const gate = Promise.withResolvers<void>()
  for (const node of at.nodes) node.writeDelay = async () => await gate.promise
  const puts = Array.from({ length: 2 + 64 }, () => at.put(randomBytes(1000)))
  await expect.poll(async () => await at.metrics()).toContain('kura_frontend_admission_waiters 64')
  // The quickest of a few, because the machine of the test may be busy with something else.
  let quickestMs = Infinity
  for (let round = 0; round < 5; round += 1) {
    const startedAtMs = performance.now()
    const refused = await at.put(randomBytes(1000))
    quickestMs = Math.min(quickestMs, performance.now() - startedAtMs)
    expect(refused.status).toBe(503)
    expect(refused.json['code']).toBe('overloaded')
    expect(refused.headers['retry-after']).toBe('1')
  }
  expect(quickestMs).toBeLessThan(100)
  gate.resolve()
  const statuses = (await Promise.all(puts)).map(({ status }) => status)
  // Who waited for too long on a busy machine was told to come back, and nothing else.
  expect(statuses.filter((status) => status === 201).length).toBeGreaterThanOrEqual(2)
  expect(statuses.filter((status) => status !== 201 && status !== 503)).toEqual([])
})

it('a stop lets a running put end, takes no new one, and is quick', async () => {
  const at = await start()
  const gate = Promise.withResolvers<void>()
  for (const node of at.nodes) node.writeDelay = async () => await gate.promise
  const bytes = randomBytes(10_000)
  const running = at.put(bytes, { connection: 'keep-alive' })
  await expect.poll(async () => await at.metrics()).toMatch(/kura_frontend_slabs_used 1\n/)
  const startedAtMs = performance.now()
  const stopping = at.frontend[Symbol.asyncDispose]()
  gate.resolve()
  expect((await running).status).toBe(201)
  await stopping
  await expect(at.put(randomBytes(10))).rejects.toThrow()
  expect(performance.now() - startedAtMs).toBeLessThan(3000)
  expect(at.index.rows.has(hashOf(bytes))).toBe(true)
  await at.startFrontend()
})
