/**
 * A frontend has room for 32 blocks, and 64 requests wait in line. What callers see at that limit,
 * at every door, and what one of them can take from the others.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KuraClient } from '@kura/client'
import { KIB, MIB } from '@kura/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hashOf, makeBlock } from '../support/blocks.ts'
import { expectRefusalsOfGreedy, keptShares, measureFairness } from '../support/measure-fairness.ts'
import type { OverloadReport, OverloadTarget } from '../support/overload-program.ts'
import { DOORS, type Door, type PutEnd } from '../support/put-caller.ts'
import { runProgram } from '../support/run-program.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

const WAIT_MS_MAX = 2_000
const REFUSAL_MS_MAX = 100
/** What a loaded machine may add to what a caller measures. */
const NOISE_MS = 5_000
/** What a caller may have on its way to one that does not read: 256 KiB of it by gRPC. */
const UNREAD_BYTES_MAX = 320 * KIB

let scenario: ScenarioZone
let report: OverloadReport

beforeAll(async () => {
  scenario = await startScenarioZone({ bucketSizeBytes: 128 * MIB })
  const { pocket, http, grpc, block, frontendAdmin: admin } = scenario.zone.endpoints
  const { pid = 0 } = scenario.zone.service('frontend-1')
  const target: OverloadTarget = { pocket, http, grpc, block, admin, pid }
  const args = [JSON.stringify(target)]
  report = (await runProgram('overload-program.ts', { args })) as OverloadReport
})

afterAll(async () => {
  await scenario[Symbol.asyncDispose]()
})

function ofDoor(ends: readonly PutEnd[], door: Door): PutEnd[] {
  return ends.filter((each) => each.door === door)
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN
}

/** By request id, as the frontend's own log has it: no noise of callers, no way to them. */
async function loggedDurations(prefix: string): Promise<number[]> {
  const text = await readFile(join(scenario.zone.dataDir, 'log/frontend-1.log'), 'utf8')
  const lines = text.split('\n').filter((line) => line.includes(`"requestId":"${prefix}-`))
  return lines.map((line) => (JSON.parse(line) as { readonly durationMs: number }).durationMs)
}

it('64 puts wait while 32 blocks are held, and their bytes stay outside', () => {
  expect(report.heldCount).toBe(32)
  expect(report.waiterCount).toBe(64)
  expect(report.readBytes).toBeLessThan(64 * UNREAD_BYTES_MAX)
})

const REFUSED = {
  http: { end: 'overloaded', status: 503, comeBackMs: 1_000 },
  grpc: { end: 'overloaded', status: 8, comeBackMs: 1_000 },
  block: { end: 'overloaded' },
}

it.each(DOORS)('%s: who waits is refused after 2 s', (door) => {
  const waited = ofDoor(report.waited, door)
  expect(waited.length).toBeGreaterThanOrEqual(21)
  for (const put of waited) {
    expect(put).toMatchObject(REFUSED[door])
    expect(put.durationMs).toBeGreaterThan(WAIT_MS_MAX - 5)
    expect(put.durationMs).toBeLessThan(WAIT_MS_MAX + NOISE_MS)
  }
})

it.each(DOORS)('%s: who comes to a full line is refused at once', (door) => {
  const refused = ofDoor(report.refused, door)
  expect(refused.length).toBeGreaterThan(0)
  for (const put of refused) expect(put).toMatchObject(REFUSED[door])
  expect(medianOf(refused.map(({ durationMs }) => durationMs))).toBeLessThan(REFUSAL_MS_MAX)
})

it('the frontend itself takes less than 100 ms for a refusal, and 2 s for one that waits', async () => {
  const refused = await loggedDurations('refused')
  expect(refused.length).toBeGreaterThanOrEqual(report.refused.length)
  const atOnce = refused.slice(0, report.refused.length)
  process.stdout.write(
    `refusals: ${atOnce.length}, median ${medianOf(atOnce)} ms, most ${Math.max(...atOnce)} ms\n`,
  )
  expect(Math.max(...atOnce)).toBeLessThan(REFUSAL_MS_MAX)
  const waited = await loggedDurations('waiting')
  expect(Math.min(...waited)).toBeGreaterThan(WAIT_MS_MAX - 5)
})

it('when buffers come back, who waits is served at every door, and nothing is left behind', async () => {
  expect(report.finished).toEqual([201, 201, 201])
  expect(report.served.map(({ door, end }) => [door, end])).toEqual(
    DOORS.map((door) => [door, 'stored']),
  )
  const { block, pocket, frontendAdmin } = scenario.zone.endpoints
  const metrics = async () => await (await fetch(`http://${frontendAdmin}/metrics`)).text()
  await expect.poll(metrics).toMatch(/^kura_frontend_slabs_used 0$/m)
  const whole = await metrics()
  expect(whole).toMatch(/^kura_frontend_held_bytes 0$/m)
  expect(whole).toMatch(/^kura_frontend_admission_waiters 0$/m)
  await using client = new KuraClient({ servers: [block], pocket })
  const { bytes, hash } = makeBlock('after the crowd', 100_000)
  await client.put(bytes)
  expect(hashOf(await client.get(hash))).toBe(hash)
})

it('a client at ten times its share leaves the others at least 80 %, and is the one refused', async () => {
  const fairness = await measureFairness(scenario.zone, {
    sizeBytes: 4 * KIB,
    parallelism: 8,
    storedMin: 60,
    slicesMin: 3,
    slicesMax: 8,
    sliceMs: 1_000,
    settleMs: 400,
  })
  const kept = keptShares(fairness)
  const mean = kept.reduce((sum, each) => sum + each, 0) / kept.length
  expect(mean).toBeGreaterThan(0.8)
  expectRefusalsOfGreedy(fairness)
})
