/**
 * Redundancy comes back by itself: a damaged copy is replaced, and so are the copies of a node that
 * stays away; a node that comes back finds its old copies retired and untouched. In the end the
 * nodes of the first copies die, and every block is still there.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { runCommandLine } from '@kura/cli'
import { KuraClient, ZoneMasterClient } from '@kura/client'
import type { ExplainBlockResponse } from '@kura/proto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hashOf, makeBlock } from '../support/blocks.ts'
import { flipBit } from '../support/flip-bit.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

const BLOCK_COUNT = 40
const BLOCK_SIZE_BYTES = 300_000
const PAGE_BYTES = 4096
const SILENCE_MS = '10000'
const PATIENCE_MS = 60_000
const POLL_MS = 100

let scenario: ScenarioZone
let client: KuraClient
let master: ZoneMasterClient
const blocks = Array.from({ length: BLOCK_COUNT }, (_, index) =>
  makeBlock(`repair/${index}`, BLOCK_SIZE_BYTES),
)
const [first = makeBlock('never', 1)] = blocks

beforeAll(async () => {
  scenario = await startScenarioZone({
    bucketSizeBytes: 16 * 1024 * 1024,
    restarts: false,
    environment: { 'volume-manager': { KURA_VOLUME_MANAGER_SILENCE_MS: SILENCE_MS } },
  })
  const { pocket, zone, block, zoneMaster } = scenario.zone.endpoints
  client = new KuraClient({ servers: [block], pocket })
  master = new ZoneMasterClient({ address: zoneMaster, pocket, zone })
  for (const block of blocks) await client.put(block.bytes)
})

afterAll(async () => {
  master.close()
  await client.close()
  await scenario[Symbol.asyncDispose]()
})

async function waitFor<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const endsAtMs = performance.now() + PATIENCE_MS
  for (;;) {
    const seen = await look()
    if (seen !== undefined) return seen
    if (performance.now() > endsAtMs) throw new Error(`there never was ${what}`)
    await sleep(POLL_MS)
  }
}

/** Puts other blocks until the volume of ours is closed. */
async function fillUntilClosed(hash: string): Promise<void> {
  let round = 0
  await waitFor('a closed volume', async () => {
    round += 1
    await Promise.all([1, 2, 3, 4].map((each) => client.put(makeFiller(`${round}/${each}`))))
    return (await master.locate(hash)).volume?.state === 'closed' ? true : undefined
  })
}

function makeFiller(name: string): Uint8Array {
  return makeBlock(`filler ${name}`, 1024 * 1024).bytes
}

function copiesInForce(found: ExplainBlockResponse) {
  return found.copies.flatMap(({ extent, examination }) =>
    extent?.state === 'in-force' ? [{ ...extent, examination }] : [],
  )
}

function nodeOf(found: ExplainBlockResponse, diskUuid: string) {
  const disk = found.disks.find((each) => each.diskUuid === diskUuid)
  return scenario.zone.service(`storage-node-1-${disk?.osdId ?? 0}`)
}

function pathOf(found: ExplainBlockResponse, copy: { diskUuid: string; extentId: bigint }): string {
  return join(nodeOf(found, copy.diskUuid).dataDir, 'extents', `${copy.extentId}.extent`)
}

/** Three good copies on three disks, none of them this extent's. */
async function waitUntilReplaced(extentId: bigint): Promise<ExplainBlockResponse> {
  return await waitFor('a new copy', async () => {
    const found = await master.explain(first.hash)
    const copies = copiesInForce(found)
    if (copies.length !== 3 || copies.some((copy) => copy.extentId === extentId)) return undefined
    expect(new Set(copies.map(({ diskUuid }) => diskUuid)).size).toBe(3)
    return copies.every(({ examination }) => examination?.state === 'ok') ? found : undefined
  })
}

async function kura(...words: string[]): Promise<string> {
  const { zoneMaster, pocket, zone } = scenario.zone.endpoints
  const place = ['--master', zoneMaster, '--pocket', pocket, '--zone', zone]
  const [output, errors] = [new PassThrough(), new PassThrough()]
  const terminal = { input: new PassThrough(), output, errors, isWatched: false, columns: 80 }
  const { signal } = new AbortController()
  const code = await runCommandLine([...words, ...place], { terminal, signal })
  expect(String(errors.read() ?? '')).toBe('')
  expect(code).toBe(0)
  return String(output.read() ?? '')
}

async function countUnderReplicated(): Promise<number> {
  const cells = (await master.status()).cells
  return cells.reduce((sum, { status }) => sum + Number(status?.underReplicatedCount ?? 0n), 0)
}

it('a damage that a get meets gets its copy replaced', async () => {
  await fillUntilClosed(first.hash)
  const before = await master.explain(first.hash)
  const damaged = copiesInForce(before)[0]
  if (damaged?.examination === undefined) throw new Error('a closed volume has copies')
  const path = pathOf(before, damaged)
  await flipBit(path, Number(damaged.examination.offsetBytes) + PAGE_BYTES + 1)
  const reads = waitUntilReplaced(damaged.extentId)
  // Gets choose among the copies; sooner or later one meets the damage.
  const gets = waitFor('a get of the damage', async () => {
    expect(hashOf(await client.get(first.hash))).toBe(first.hash)
    const { status } = (await master.status()).cells[0] ?? {}
    return status?.damages.some(({ extentId }) => extentId === damaged.extentId) ? true : undefined
  })
  await gets
  const after = await reads
  expect(after.volume?.generation).toBe((before.volume?.generation ?? 0) + 1)
  for (const copy of copiesInForce(after)) {
    expect(await kura('extent', 'verify', pathOf(after, copy))).toContain('0 damages')
  }
  // The damaged file stays where it is.
  expect(await readdir(join(path, '..'))).toContain(`${damaged.extentId}.extent`)
})

it('the copies of a node that stays away are made elsewhere', async () => {
  const before = await master.explain(first.hash)
  const [gone] = copiesInForce(before)
  if (gone === undefined) throw new Error('a closed volume has copies')
  expect(await kura('repair')).toContain('nothing to do')
  const node = nodeOf(before, gone.diskUuid)
  await node.kill()
  await waitUntilReplaced(gone.extentId)
  await waitFor('full redundancy', async () =>
    (await countUnderReplicated()) === 0 ? true : undefined,
  )
  node.start()
  await node.waitReady()
  expect(await readdir(join(node.dataDir, 'extents'))).toContain(`${gone.extentId}.extent`)
  expect(copiesInForce(await master.explain(first.hash))).toHaveLength(3)
})

it('an operator need not wait for a node that is lost', async () => {
  const before = await master.explain(first.hash)
  const [gone] = copiesInForce(before)
  if (gone === undefined) throw new Error('a closed volume has copies')
  await nodeOf(before, gone.diskUuid).kill()
  const preview = await waitFor('a preview', async () => {
    const text = await kura('repair')
    return text.includes(`disk ${gone.diskUuid}, which is out of reach`) ? text : undefined
  })
  expect(preview).toMatch(/volumes to repair.*[KMG]iB to write/)
  expect(preview).toContain('nothing was done: --apply begins')
  expect(copiesInForce(await master.explain(first.hash)).map(({ extentId }) => extentId)).toContain(
    gone.extentId,
  )
  expect(await kura('repair', '--apply')).toContain('begun')
  await waitUntilReplaced(gone.extentId)
})

it('every block is there when the nodes of its first copies are dead', async () => {
  await waitFor('full redundancy', async () =>
    (await countUnderReplicated()) === 0 ? true : undefined,
  )
  const found = await master.explain(first.hash)
  const [one] = copiesInForce(found)
  if (one === undefined) throw new Error('a closed volume has copies')
  await nodeOf(found, one.diskUuid).kill()
  for (const block of blocks) expect(hashOf(await client.get(block.hash))).toBe(block.hash)
})
