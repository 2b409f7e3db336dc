/**
 * `kura explain` tells how a block is on its disks at this moment: whole, with a bit flipped behind
 * the page cache's back, and with a node dead.
 */
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { runCommandLine } from '@kura/cli'
import { KuraClient, ZoneMasterClient } from '@kura/client'
import type { ExplainBlockResponse } from '@kura/proto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeBlock } from '../support/blocks.ts'
import { flipBit } from '../support/flip-bit.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

const BLOCK_SIZE_BYTES = 100_000
const PAGE_BYTES = 4096

let scenario: ScenarioZone
let client: KuraClient
let master: ZoneMasterClient
const block = makeBlock('explain', BLOCK_SIZE_BYTES)

beforeAll(async () => {
  scenario = await startScenarioZone({ restarts: false })
  const { pocket, zone, block: server, zoneMaster } = scenario.zone.endpoints
  client = new KuraClient({ servers: [server], pocket })
  master = new ZoneMasterClient({ address: zoneMaster, pocket, zone })
  await client.put(block.bytes)
})

afterAll(async () => {
  master.close()
  await client.close()
  await scenario[Symbol.asyncDispose]()
})

async function explainAsText(hash: string): Promise<{ code: number; out: string; err: string }> {
  const { zoneMaster, pocket, zone } = scenario.zone.endpoints
  const place = ['--master', zoneMaster, '--pocket', pocket, '--zone', zone]
  const [output, errors] = [new PassThrough(), new PassThrough()]
  const terminal = { input: new PassThrough(), output, errors, isWatched: false, columns: 80 }
  const { signal } = new AbortController()
  const code = await runCommandLine(['explain', hash, ...place], { terminal, signal })
  return { code, out: String(output.read() ?? ''), err: String(errors.read() ?? '') }
}

function copyOf(found: ExplainBlockResponse, index: number) {
  const copy = found.copies[index]
  const disk = found.disks.find(({ diskUuid }) => diskUuid === copy?.extent?.diskUuid)
  if (copy?.examination === undefined || disk === undefined) throw new Error('no such copy')
  const node = scenario.zone.service(`storage-node-1-${disk.osdId}`)
  const path = join(node.dataDir, 'extents', `${copy.extent?.extentId}.extent`)
  return { node, path, offsetBytes: Number(copy.examination.offsetBytes) }
}

it('three good copies are explained as such', async () => {
  const found = await master.explain(block.hash)
  expect(found).toMatchObject({ live: true, row: { sizeBytes: BLOCK_SIZE_BYTES } })
  expect(found.copies.map(({ examination }) => examination?.state)).toEqual(['ok', 'ok', 'ok'])
  expect(found.next).toEqual(['nothing: three good copies'])
  const { code, out } = await explainAsText(block.hash)
  expect(code).toBe(0)
  expect(out.match(/ ok: 100000 bytes, CRC [0-9a-f]{8}, open extent, offset \d+ /g)).toHaveLength(3)
})

it('a flipped bit is seen at once, on its copy alone', async () => {
  const { path, offsetBytes } = copyOf(await master.explain(block.hash), 1)
  const at = offsetBytes + PAGE_BYTES + 5_000
  await flipBit(path, at)
  try {
    const found = await master.explain(block.hash)
    const states = found.copies.map(({ examination }) => examination?.state)
    expect(states).toEqual(['ok', 'damaged', 'ok'])
    expect(found.copies[1]?.examination?.part).toBe('payload')
    expect(found.next).toContain(
      'copy 2 is damaged (payload): reads pass it over; ' +
        'a put writes it anew at a frontend where a get met the damage',
    )
  } finally {
    await flipBit(path, at)
  }
  const states = (await master.explain(block.hash)).copies.map((copy) => copy.examination?.state)
  expect(states, 'what was damaged once is not trusted again').toEqual(['ok', 'distrusted', 'ok'])
})

it('a block that was never put is not found', async () => {
  const { code, err } = await explainAsText('ab'.repeat(32))
  expect(code).toBe(3)
  expect(err).toContain('(not-found)')
})

it('a dead node is named, and what waits for it', async () => {
  const before = await master.explain(block.hash)
  const { diskUuid } = before.copies[0]?.extent ?? {}
  await copyOf(before, 0).node.kill()
  const found = await master.explain(block.hash)
  const copy = found.copies.find(({ extent }) => extent?.diskUuid === diskUuid)
  expect(copy).toMatchObject({ errorCode: 'unavailable' })
  expect(copy?.examination).toBeUndefined()
  const { volumeId } = found.volume ?? {}
  const waits = `volume ${volumeId} is closed without disk ${diskUuid}`
  expect(found.next).toContain(waits)
  const { code, out } = await explainAsText(block.hash)
  expect(code).toBe(0)
  expect(out).toContain('NO ANSWER (unavailable)')
  expect(out).toContain(waits)
})
