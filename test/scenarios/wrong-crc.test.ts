/**
 * Goal: a caller that gives a wrong CRC with right bytes gets an error of its own, stores nothing,
 * and makes nobody avoid a healthy volume.
 *
 * Method: the disks are the ones that check the CRC, so the whole zone runs, in one process.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { KuraClient } from '@kura/client'
import { parsePocketId } from '@kura/core'
import { SystemClock } from '@kura/runtime'
import { BlockClient } from '@kura/transport'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeBlock } from '../support/blocks.ts'
import { ComposedZone } from '../support/composed-zone.ts'

const block = makeBlock('a wrong CRC', 70_000)
const wrongCrc = (crc32(block.bytes) ^ 1) >>> 0
const PUTS = 8

let zone: ComposedZone

beforeAll(async () => {
  zone = await ComposedZone.start()
})

afterAll(async () => {
  await zone[Symbol.asyncDispose]()
})

it('a put with a wrong CRC is the caller’s own failure and leaves every volume in use', async () => {
  const address = zone.frontend.addresses.block
  const hello = { pocket: parsePocketId(zone.pocket), zone: '', role: 'client' as const }
  const transport = new BlockClient({ hello, clock: new SystemClock() })
  const client = new KuraClient({ servers: [address], pocket: zone.pocket })
  const hash = createHash('sha256').update(block.bytes).digest()
  try {
    for (let turn = 0; turn < PUTS; turn += 1) {
      const sizeBytes = block.bytes.length
      const value = { hash, sizeBytes, expectContinue: false }
      const outgoing = await transport.openPut(
        address,
        { operation: { case: 'putBlock', value } },
        { sizeBytes, timeoutMs: 5_000, signal: new AbortController().signal },
      )
      void outgoing.write(block.bytes)
      const answer = outgoing.commit({ crc: wrongCrc, hash })
      await expect(answer).rejects.toMatchObject({ code: 'payload-damaged' })
    }
    await expect(client.get(block.hash)).rejects.toMatchObject({ code: 'not-found' })
    expect((await client.put(block.bytes)).newlyStored).toBe(true)
  } finally {
    transport.close()
    await client.close()
  }
})
