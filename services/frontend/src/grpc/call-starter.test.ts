/** Calls begin a turn after they came, a few at a time, and not at all once they are reset. */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:http2'
import { expect, it } from 'vitest'
import { yieldToLoop } from '@kura/core'
import { GRPC_STARTS_PER_TURN_MAX, GRPC_STREAMS_MAX } from '../limits.ts'
import { FakeZone } from '../testing/fake-zone.ts'
import { frame, RawGrpc } from '../testing/raw-grpc.ts'
import { CallStarter } from './call-starter.ts'

const PATIENCE = { timeout: 20_000 }

it('others have their turn between the calls that one read brings', async () => {
  const starter = new CallStarter()
  const started: number[] = []
  for (let call = 0; call < 3 * GRPC_STARTS_PER_TURN_MAX; call += 1) {
    starter.add({ stream: { closed: false }, start: () => started.push(call) })
  }
  const counts = [started.length]
  for (let turn = 0; turn < 4; turn += 1) {
    await yieldToLoop()
    counts.push(started.length)
  }
  expect(counts).toEqual([0, 1, 2, 3, 3].map((turns) => turns * GRPC_STARTS_PER_TURN_MAX))
  expect(started).toEqual(started.toSorted((one, other) => one - other))
})

it('a call that is reset with its header begins no work', async () => {
  await using zone = await FakeZone.start()
  await using caller = new RawGrpc(zone.frontend.addresses.grpc)
  const question = frame(Buffer.concat([Buffer.of(0x0a, 32), randomBytes(32)]))
  // The connection stands, so that what is sent in one turn comes as one.
  expect(await caller.call('Stat', question)).toMatchObject({ code: 'not-found' })
  for (let call = 0; call < GRPC_STREAMS_MAX / 2; call += 1) {
    caller.open('Stat').close(constants.NGHTTP2_CANCEL)
  }
  expect(await caller.call('Stat', question)).toMatchObject({ code: 'not-found' })
  expect(zone.index.locateCount).toBe(2)
  const begun =
    /kura_frontend_requests_total\{door="grpc",operation="statBlock",code="(.*)"\} (\d+)/g
  const counts = async () =>
    [...(await zone.metrics()).matchAll(begun)].map(([, code, count]) => [code, Number(count)])
  await expect.poll(counts, PATIENCE).toContainEqual(['not-found', 2])
  expect((await counts()).filter(([, count]) => count !== 0)).toEqual([['not-found', 2]])
})
