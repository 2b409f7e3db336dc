/**
 * Good traffic through every door until the memory of the processes is level. Memory of a buffer
 * counts from its first use on, and the code of each path is compiled when it is used: what bad
 * requests add to that is what is looked for. How many buffers good traffic fills at once is a
 * matter of the machine's speed; so all of them are filled by uploads that stop before their ends.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { BLOCK_SIZE_BYTES_MAX, KIB, MIB } from '@kura/core'
import { makeBlock } from '../blocks.ts'
import { DOORS, PutCaller } from '../put-caller.ts'
import type { BadInputZone } from './bad-input-zone.ts'
import { frame, frontendHello, writeMessage } from './frames.ts'
import { readHoldings } from './holdings.ts'
import { putHead } from './http-caller.ts'
import { RawCaller } from './raw-caller.ts'

/** More at once than there are buffers. */
const PARALLELISM = 36
const { bytes: UNFINISHED, hash: UNFINISHED_HASH } = makeBlock('warm up', BLOCK_SIZE_BYTES_MAX)
const LARGE_ROUNDS = 2
const CLIENTS = 3
const SMALL_BYTES = 20 * KIB
/** Who asks for everything may be told to come back. */
const GOOD_ENDS = ['stored', 'overloaded', 'rate-limited']
/** Who has not asked for so long has no share, and a client alone may have all buffers. */
const FORGOTTEN_MS = 3_500
/** Level: so many rounds in which nobody reached a new height. */
const LEVEL_ROUNDS = 5
const ROUNDS_MAX = 30

export async function warmUp(zone: BadInputZone): Promise<void> {
  await sleep(FORGOTTEN_MS)
  for (let round = 0; round < LARGE_ROUNDS; round += 1)
    await putThroughAll(zone, BLOCK_SIZE_BYTES_MAX)
  let mostBytes = 0
  let levelRounds = 0
  for (let round = 0; round < ROUNDS_MAX && levelRounds < LEVEL_ROUNDS; round += 1) {
    await putThroughAll(zone, SMALL_BYTES)
    await getLargeBlocks(zone)
    await fillBuffers(zone)
    const bytes = await residentBytes(zone)
    levelRounds = bytes > mostBytes + MIB ? 0 : levelRounds + 1
    mostBytes = Math.max(mostBytes, bytes)
  }
}

async function putThroughAll(zone: BadInputZone, sizeBytes: number): Promise<void> {
  const caller = new PutCaller(zone.target.endpoints, { sizeBytes })
  const puts = Array.from({ length: PARALLELISM }, async (_unused, at) => {
    const { door, end } = await caller.put(DOORS[at % DOORS.length] ?? 'http', `warm-${at}`)
    if (!GOOD_ENDS.includes(end)) throw new Error(`a good put over ${door} ended with ${end}`)
  })
  await Promise.all(puts)
  caller.close()
}

/** Uploads that never end, as many at once as find a buffer. */
async function fillBuffers({ target }: BadInputZone): Promise<void> {
  const { endpoints, node, extent } = target
  const write = frame(writeMessage(extent, BLOCK_SIZE_BYTES_MAX), BLOCK_SIZE_BYTES_MAX)
  const toNode = Buffer.concat([frontendHello(extent), write])
  const toFrontend = Buffer.from(putHead(UNFINISHED_HASH, BLOCK_SIZE_BYTES_MAX))
  await holdUploads(node, toNode)
  await holdUploads(endpoints.http, toFrontend)
}

async function holdUploads(address: string, start: Buffer): Promise<void> {
  const callers = Array.from({ length: PARALLELISM }, () => new RawCaller(address))
  const uploads = callers.map(async (caller) => {
    await caller.write(start)
    await caller.write(UNFINISHED.subarray(0, -1))
  })
  await Promise.all(uploads)
  for (const caller of callers) caller[Symbol.dispose]()
}

/** A client has fewer connections than there are buffers. */
async function getLargeBlocks(zone: BadInputZone): Promise<void> {
  const clients = Array.from({ length: CLIENTS }, () => zone.client('warm'))
  const gets = Array.from({ length: PARALLELISM }, async (_unused, at) => {
    return await clients[at % CLIENTS]?.get(zone.stored.hash)
  })
  for (const bytes of await Promise.all(gets)) {
    if (bytes === undefined || !zone.stored.bytes.equals(bytes)) throw new Error('other bytes')
  }
  for (const client of clients) await client.close()
}

async function residentBytes(zone: BadInputZone): Promise<number> {
  const frontend = await readHoldings(zone.service('frontend'))
  const node = await readHoldings(zone.service('storage-node'))
  return frontend.residentBytes + node.residentBytes
}
