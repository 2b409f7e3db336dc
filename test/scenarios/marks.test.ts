/**
 * Goal: no mark is dead. What a zone does by itself passes every mark of the list.
 *
 * Method: a zone in one process, and so one listener for all of its marks. Blocks are put and a
 * storage node is started again, which ends its volumes: they are closed, and others are born. Then
 * the node stays away, and is given up: its copies are made elsewhere.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { KuraClient } from '@kura/client'
import { MARKS, parsePocketId, parseZoneId } from '@kura/core'
import { VolumeManager } from '@kura/proto'
import { createRpcClient, type RpcClientOf } from '@kura/rpc'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hashOf, makeBlock } from '../support/blocks.ts'
import { ComposedZone } from '../support/composed-zone.ts'

const PATIENCE_MS = 60_000
const SIZES_BYTES = [1, 4_000, 70_000, 300_000]
const ROUNDS = 4
/** A database is replaced offline, and its own test walks past the marks of that. */
const LIVE_MARKS = MARKS.filter((mark) => !mark.startsWith('database.'))
const passed = new Set<string>()
const listeners = MARKS.map((mark) => ({
  channel: `kura:${mark}`,
  listen: () => {
    passed.add(mark)
  },
}))

let zone: ComposedZone
let client: KuraClient
let manager: RpcClientOf<typeof VolumeManager>

beforeAll(async () => {
  for (const { channel, listen } of listeners) subscribe(channel, listen)
  zone = await ComposedZone.start()
  client = new KuraClient({ servers: [zone.frontend.addresses.block], pocket: zone.pocket })
  const [pocket, zoneId] = [parsePocketId(zone.pocket), parseZoneId(zone.zone)]
  manager = createRpcClient(VolumeManager, {
    identity: { pocket, zone: zoneId, kind: 'cli', id: 'test' },
    resolve: () => Promise.resolve(zone.manager.rpcAddress),
  })
})

afterAll(async () => {
  manager.close()
  await client.close()
  await zone[Symbol.asyncDispose]()
  for (const { channel, listen } of listeners) unsubscribe(channel, listen)
})

it('a zone that takes blocks, closes volumes and repairs them passes every mark', async () => {
  const blocks = Array.from({ length: ROUNDS }, (_, round) =>
    SIZES_BYTES.map((sizeBytes) => makeBlock(`mark ${round} ${sizeBytes}`, sizeBytes)),
  ).flat()
  await Promise.all(blocks.map(async ({ bytes }) => await client.put(bytes)))
  await zone.restartNode(1)
  await expect.poll(() => passed.has('table.volume.closed'), { timeout: PATIENCE_MS }).toBe(true)
  await zone.stopNode(1)
  const missed = async (): Promise<readonly string[]> => {
    await manager.repairCell({ apply: true })
    return LIVE_MARKS.filter((mark) => !passed.has(mark))
  }
  await expect.poll(missed, { timeout: PATIENCE_MS }).toEqual([])
  for (const { hash } of blocks) expect(hashOf(await client.get(hash))).toBe(hash)
})
