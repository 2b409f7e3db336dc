/**
 * Goal: one flipped bit anywhere in any copy of a sealed extent neither breaks a get nor stays
 * unseen.
 *
 * Method: a block in a closed volume; for each of its three copies and each part of an extent, one
 * bit is flipped in the file, the block is got again and again, and within 5 s of the first get the
 * scrubber, set fast, must have put this damage of this extent into the zone's status. Then the bit
 * is flipped back.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { KuraClient, ZoneMasterClient } from '@kura/client'
import type { LocateCopiesResponse, ZoneStatus } from '@kura/proto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hashOf, makeBlock } from '../support/blocks.ts'
import { dissectExtent, type ExtentAnatomy } from '../support/extent-anatomy.ts'
import { flipBit } from '../support/flip-bit.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

const COPIES = 3
const PARTS = [
  'page-0',
  'record-header',
  'payload',
  'padding',
  'record-index',
  'chunk-table',
  'footer',
] as const satisfies readonly (keyof ExtentAnatomy)[]
/** Leaves room in its last page, so that there is padding. */
const BLOCK_SIZE_BYTES = 100_000
const GETS_EACH = 8
const STATUS_DEADLINE_MS = 5_000
const CLOSE_DEADLINE_MS = 60_000
const POLL_MS = 50

let scenario: ScenarioZone
let client: KuraClient
let master: ZoneMasterClient
const block = makeBlock('bit flips', BLOCK_SIZE_BYTES)
let located: LocateCopiesResponse

beforeAll(async () => {
  scenario = await startScenarioZone({
    bucketSizeBytes: 16 * 1024 * 1024,
    environment: {
      'storage-node': {
        KURA_STORAGE_NODE_SCRUB_PERIOD_MS: '100',
        KURA_STORAGE_NODE_SCRUB_BYTES_PER_SECOND: String(200 * 1024 * 1024),
        KURA_STORAGE_NODE_HEARTBEAT_MS: '100',
      },
      // The copies that were hurt are wanted as they are.
      'volume-manager': { KURA_VOLUME_MANAGER_REPAIRS_MAX: '0' },
    },
  })
  const { pocket, zone, block: server, zoneMaster } = scenario.zone.endpoints
  client = new KuraClient({ servers: [server], pocket })
  master = new ZoneMasterClient({ address: zoneMaster, pocket, zone })
  await client.put(block.bytes)
  located = await fillUntilClosed()
})

afterAll(async () => {
  master.close()
  await client.close()
  await scenario[Symbol.asyncDispose]()
})

/** Puts other blocks until the volume of ours is closed. */
async function fillUntilClosed(): Promise<LocateCopiesResponse> {
  const endsAtMs = performance.now() + CLOSE_DEADLINE_MS
  for (let round = 0; performance.now() < endsAtMs; round += 1) {
    const found = await master.locate(block.hash)
    if (found.volume?.state === 'closed') return found
    const puts = Array.from({ length: 8 }, (_, index) =>
      client.put(makeBlock(`filler ${round}/${index}`, 1024 * 1024).bytes),
    )
    await Promise.all(puts)
  }
  throw new Error('the volume did not close in time')
}

function extentPath(copy: number): { readonly path: string; readonly extentId: bigint } {
  const extent = located.volume?.extents[copy]
  const disk = located.disks.find(({ diskUuid }) => diskUuid === extent?.diskUuid)
  if (extent === undefined || disk === undefined) throw new Error('the copy was not located')
  const node = scenario.zone.service(`storage-node-1-${disk.osdId}`)
  const name = `${extent.extentId}.extent`
  return { path: join(node.dataDir, 'extents', name), extentId: extent.extentId }
}

function showsDamage(status: ZoneStatus, extentId: bigint, part: string): boolean {
  const damages = status.cells.flatMap((cell) => cell.status?.damages ?? [])
  return damages.some((damage) => damage.extentId === extentId && damage.part === part)
}

async function waitForDamage(extentId: bigint, part: string): Promise<boolean> {
  const endsAtMs = performance.now() + STATUS_DEADLINE_MS
  while (performance.now() < endsAtMs) {
    if (showsDamage(await master.status(), extentId, part)) return true
    await sleep(POLL_MS)
  }
  return false
}

for (let copy = 0; copy < COPIES; copy += 1) {
  for (const part of PARTS) {
    it(`a bit flipped in the ${part} of copy ${copy + 1} is survived and shown`, async () => {
      const { path, extentId } = extentPath(copy)
      const anatomy = await dissectExtent(path, { hash: block.hash, sizeBytes: BLOCK_SIZE_BYTES })
      expect(showsDamage(await master.status(), extentId, part)).toBe(false)
      await flipBit(path, anatomy[part])
      try {
        const shown = waitForDamage(extentId, part)
        for (let turn = 0; turn < GETS_EACH; turn += 1) {
          expect(hashOf(await client.get(block.hash))).toBe(block.hash)
        }
        expect(await shown, `${part} of ${extentId} in kura status within 5 s`).toBe(true)
      } finally {
        await flipBit(path, anatomy[part])
      }
    })
  }
}
