/** Shared calls of the block index: what one entry meets is no business of the others. */
import { randomBytes } from 'node:crypto'
import { afterEach, expect, it } from 'vitest'
import { INDEX_BATCH_ROWS_MAX, KuraError, RPC_TIMEOUT_MS } from '@kura/core'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { RecordBlocksResponseSchema, type BlockIndex } from '@kura/proto'
import { encodeErrorDetails, type RpcClientOf } from '@kura/rpc'
import { SystemClock } from '@kura/runtime'
import { IndexLines, type RecordEntry } from './index-lines.ts'
import { INDEX_CALLS_UNDER_WAY_MAX, INDEX_WAITING_MAX } from './limits.ts'
import { FakeZone } from './testing/fake-zone.ts'
import { hashOf } from './testing/http-caller.ts'

const PATIENCE = { timeout: 20_000 }
const staying = new AbortController().signal

let zone: FakeZone | undefined
afterEach(async () => {
  await zone?.[Symbol.asyncDispose]()
  zone = undefined
})

interface Call {
  readonly entries: readonly RecordEntry[]
  readonly timeoutMs: number | undefined
  readonly answer: (response: MessageInitShape<typeof RecordBlocksResponseSchema>) => void
  readonly fail: (error: Error) => void
}

/** Calls that end when the test says so. */
function linesOf() {
  const calls: Call[] = []
  const index: Pick<RpcClientOf<typeof BlockIndex>, 'locateBlocks' | 'recordBlocks'> = {
    locateBlocks: () => Promise.reject(new Error('nobody asks')),
    recordBlocks: async ({ entries = [] }, options) => {
      const { promise, resolve, reject } = Promise.withResolvers<Parameters<Call['answer']>[0]>()
      calls.push({ entries, timeoutMs: options?.timeoutMs, answer: resolve, fail: reject })
      return create(RecordBlocksResponseSchema, await promise)
    },
  }
  return { calls, lines: new IndexLines(index, new SystemClock()) }
}

const recorded = { outcome: { case: 'answer', value: { newlyStored: true } } } as const
const refused = {
  outcome: { case: 'error', value: encodeErrorDetails(new KuraError('gate-closed', 'late')) },
} as const

async function codeOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => 'ok',
    (error: unknown) => (error instanceof KuraError ? error.code : error),
  )
}

it('entries of one moment share a call, and one that is refused leaves the others', async () => {
  const { calls, lines } = linesOf()
  const ends = [1n, 2n, 3n].map((bucketId) => codeOf(lines.record({ bucketId }, staying)))
  await expect.poll(() => calls.length).toBe(1)
  expect(calls[0]?.entries.map(({ bucketId }) => bucketId)).toEqual([1n, 2n, 3n])
  expect(calls[0]?.timeoutMs).toBe(RPC_TIMEOUT_MS)
  calls[0]?.answer({ outcomes: [recorded, refused, recorded] })
  expect(await Promise.all(ends)).toEqual(['ok', 'gate-closed', 'ok'])
})

it('a call that fails is the failure of each of its entries and of no other', async () => {
  const { calls, lines } = linesOf()
  const first = [lines.record({}, staying), lines.record({}, staying)].map(codeOf)
  await expect.poll(() => calls.length).toBe(1)
  const other = codeOf(lines.record({}, staying))
  calls[0]?.fail(new KuraError('unavailable', 'lost'))
  await expect.poll(() => calls.length).toBe(2)
  calls[1]?.answer({ outcomes: [recorded] })
  expect(await Promise.all([...first, other])).toEqual(['unavailable', 'unavailable', 'ok'])
})

it('an answer that leaves an entry out is no answer', async () => {
  const { calls, lines } = linesOf()
  const short = [lines.record({}, staying), lines.record({}, staying)].map(codeOf)
  await expect.poll(() => calls.length).toBe(1)
  const empty = codeOf(lines.record({}, staying))
  calls[0]?.answer({ outcomes: [recorded] })
  await expect.poll(() => calls.length).toBe(2)
  calls[1]?.answer({ outcomes: [{}] })
  const broken = 'protocol-violation'
  expect(await Promise.all([...short, empty])).toEqual([broken, broken, broken])
})

it('a caller who leaves fails at once, and alone', async () => {
  const { calls, lines } = linesOf()
  const leaving = new AbortController()
  const stays = codeOf(lines.record({ bucketId: 1n }, staying))
  const leaves = codeOf(lines.record({ bucketId: 2n }, leaving.signal))
  await expect.poll(() => calls.length).toBe(1)
  leaving.abort(new KuraError('cancelled', 'gone'))
  expect(await leaves).toBe('cancelled')
  calls[0]?.answer({ outcomes: [recorded, refused] })
  expect(await stays).toBe('ok')
  expect(await codeOf(lines.record({}, leaving.signal))).toBe('cancelled')
  expect(calls).toHaveLength(1)
})

it('calls under way, their entries and those that wait have limits', async () => {
  const { calls, lines } = linesOf()
  const ends: Promise<unknown>[] = []
  for (let call = 1; call <= INDEX_CALLS_UNDER_WAY_MAX; call += 1) {
    ends.push(codeOf(lines.record({}, staying)))
    await expect.poll(() => calls.length).toBe(call)
  }
  for (let at = 0; at < INDEX_WAITING_MAX; at += 1) ends.push(codeOf(lines.record({}, staying)))
  expect(lines.waitingCount).toBe(INDEX_WAITING_MAX)
  expect(await codeOf(lines.record({}, staying))).toBe('overloaded')
  for (let at = 0; lines.waitingCount > 0 || at < calls.length; at += 1) {
    await expect.poll(() => calls.length).toBeGreaterThan(at)
    calls[at]?.answer({ outcomes: calls[at]?.entries.map(() => recorded) ?? [] })
  }
  expect(new Set(await Promise.all(ends))).toEqual(new Set(['ok']))
  const sizes = calls.slice(INDEX_CALLS_UNDER_WAY_MAX).map(({ entries }) => entries.length)
  expect(Math.max(...sizes)).toBe(INDEX_BATCH_ROWS_MAX)
})

it('puts whose shared answer is lost are recorded again, once each', async () => {
  zone = await FakeZone.start()
  const at = zone
  const gate = Promise.withResolvers<void>()
  at.index.recordDelay = gate.promise
  // The first call waits at the gate; then all that came meanwhile leave together.
  const blocks = Array.from({ length: 12 }, () => randomBytes(1000))
  const puts = blocks.map(async (bytes) => await at.put(bytes))
  await expect.poll(() => at.index.recordSizes.length, PATIENCE).toBeGreaterThan(0)
  at.index.lostAnswers = 2
  gate.resolve()
  for (const { status, json } of await Promise.all(puts)) {
    expect([200, 201]).toContain(status)
    expect(at.index.rows.get(String(json['hash']))?.bucketId).toBe(BigInt(Number(json['bucketId'])))
  }
  expect(at.index.rows.size).toBe(blocks.length)
  expect(at.index.lostAnswers).toBe(0)
  for (const bytes of blocks) expect((await at.get(hashOf(bytes))).body.equals(bytes)).toBe(true)
})
