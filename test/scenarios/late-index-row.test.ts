/**
 * Goal: an index insert that is delayed past the close of its volume is acknowledged and reads
 * back, because closing drops nothing and does not ask the block index.
 *
 * Method: a zone in one process. A put stands still between its three durable copies and its row;
 * meanwhile other puts fill its volume until it is closed; then the row is written.
 */
import { KuraClient } from '@kura/client'
import { parsePocketId, parseZoneId } from '@kura/core'
import { VolumeManager } from '@kura/proto'
import { createRpcClient } from '@kura/rpc'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hashOf, makeBlock } from '../support/blocks.ts'
import { ComposedZone } from '../support/composed-zone.ts'

const CLOSE_TIMEOUT_MS = 15_000
const FILLER_SIZE_BYTES = 1024 * 1024
const late = makeBlock('a late row', 300_000)
const written = Promise.withResolvers<number>()
const rowMayFollow = Promise.withResolvers<void>()

let zone: ComposedZone
let client: KuraClient

beforeAll(async () => {
  zone = await ComposedZone.start({
    frontend: {
      beforeRecord: async ({ hash, bucketId }) => {
        if (hash !== late.hash) return
        written.resolve(bucketId)
        await rowMayFollow.promise
      },
    },
  })
  client = new KuraClient({ servers: [zone.frontend.addresses.block], pocket: zone.pocket })
})

afterAll(async () => {
  await client.close()
  await zone[Symbol.asyncDispose]()
})

/** Puts other blocks until the bucket's volume is closed. */
async function fillUntilClosed(bucketId: number): Promise<void> {
  const manager = createRpcClient(VolumeManager, {
    identity: {
      pocket: parsePocketId(zone.pocket),
      zone: parseZoneId(zone.zone),
      kind: 'cli',
      id: 'test',
    },
    resolve: () => Promise.resolve(zone.manager.rpcAddress),
  })
  const endsAtMs = performance.now() + CLOSE_TIMEOUT_MS
  try {
    for (let serial = 0; performance.now() < endsAtMs; serial += 1) {
      await client.put(makeBlock(`filler ${serial}`, FILLER_SIZE_BYTES).bytes)
      const { volumes } = await manager.getPlacements({ bucketIds: [BigInt(bucketId)] })
      if (volumes[0]?.state === 'closed') return
    }
  } finally {
    manager.close()
  }
  throw new Error('the volume did not close in time')
}

it('a row that comes after its volume has closed is acknowledged and reads back', async () => {
  const put = client.put(late.bytes)
  const bucketId = await written.promise
  await fillUntilClosed(bucketId)
  rowMayFollow.resolve()
  const receipt = await put
  expect(receipt.bucketId).toBe(bucketId)
  expect(receipt.newlyStored).toBe(true)
  expect(hashOf(await client.get(late.hash))).toBe(late.hash)
})
