/**
 * Goal: no mark is dead. What a zone does by itself passes every mark of the list.
 *
 * Method: a zone in one process, and so one listener for all of its marks. Blocks are put and a
 * storage node is started again, which ends its volumes: they are closed, and others are born.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { KuraClient } from '@kura/client'
import { MARKS } from '@kura/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hashOf, makeBlock } from '../support/blocks.ts'
import { ComposedZone } from '../support/composed-zone.ts'

const PATIENCE_MS = 60_000
const SIZES_BYTES = [1, 4_000, 70_000, 300_000]
const ROUNDS = 4
const passed = new Set<string>()
const listeners = MARKS.map((mark) => ({
  channel: `kura:${mark}`,
  listen: () => {
    passed.add(mark)
  },
}))

let zone: ComposedZone
let client: KuraClient

beforeAll(async () => {
  for (const { channel, listen } of listeners) subscribe(channel, listen)
  zone = await ComposedZone.start()
  client = new KuraClient({ servers: [zone.frontend.addresses.block], pocket: zone.pocket })
})

afterAll(async () => {
  await client.close()
  await zone[Symbol.asyncDispose]()
  for (const { channel, listen } of listeners) unsubscribe(channel, listen)
})

it('a zone that takes blocks, loses a node for a moment and closes volumes passes every mark', async () => {
  const blocks = Array.from({ length: ROUNDS }, (_, round) =>
    SIZES_BYTES.map((sizeBytes) => makeBlock(`mark ${round} ${sizeBytes}`, sizeBytes)),
  ).flat()
  await Promise.all(blocks.map(async ({ bytes }) => await client.put(bytes)))
  await zone.restartNode(1)
  const missed = (): readonly string[] => MARKS.filter((mark) => !passed.has(mark))
  await expect.poll(missed, { timeout: PATIENCE_MS }).toEqual([])
  for (const { hash } of blocks) expect(hashOf(await client.get(hash))).toBe(hash)
})
