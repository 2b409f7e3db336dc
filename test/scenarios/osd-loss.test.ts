/**
 * The zone's promise as a story: a storage node dies, puts and gets go on, its volumes are closed
 * with the copies that are left and shown as under-replicated; it comes back, and its copies count
 * again where they equal the table's digest.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { KuraClient, ZoneMasterClient } from '@kura/client'
import { parsePocketId, parseZoneId } from '@kura/core'
import { VolumeManager, type CellStatus, type VolumeEntry } from '@kura/proto'
import { createRpcClient } from '@kura/rpc'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hashOf, makeBlock } from '../support/blocks.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

const BLOCK_COUNT = 60
const BLOCK_SIZE_BYTES = 200_000
const PATIENCE_MS = 30_000
const POLL_MS = 100

let scenario: ScenarioZone
let client: KuraClient
let master: ZoneMasterClient
const blocks = Array.from({ length: BLOCK_COUNT }, (_, index) =>
  makeBlock(`osd loss/${index}`, BLOCK_SIZE_BYTES),
)

beforeAll(async () => {
  scenario = await startScenarioZone({ restarts: false })
  const { pocket, zone, block, zoneMaster } = scenario.zone.endpoints
  client = new KuraClient({ servers: [block], pocket })
  master = new ZoneMasterClient({ address: zoneMaster, pocket, zone })
})

afterAll(async () => {
  master.close()
  await client.close()
  await scenario[Symbol.asyncDispose]()
})

async function cellStatus(): Promise<CellStatus> {
  const status = (await master.status()).cells[0]?.status
  if (status === undefined) throw new Error('the zone master has not heard of the cell')
  return status
}

async function waitForCell(what: string, isSo: (cell: CellStatus) => boolean): Promise<CellStatus> {
  const endsAtMs = performance.now() + PATIENCE_MS
  for (;;) {
    const cell = await cellStatus()
    if (isSo(cell)) return cell
    if (performance.now() > endsAtMs) throw new Error(`the cell never had ${what}`)
    await sleep(POLL_MS)
  }
}

async function expectAllReadable(): Promise<void> {
  for (const block of blocks) expect(hashOf(await client.get(block.hash))).toBe(block.hash)
}

/** The disks of each open volume, as the map that frontends get has them. */
async function openVolumeDisks(): Promise<readonly ReadonlySet<string>[]> {
  const { services } = await master.status()
  const address = services.find(({ kind }) => kind === 'volume-manager')?.addresses['rpc'] ?? ''
  const pocket = parsePocketId(scenario.zone.endpoints.pocket)
  const zone = parseZoneId(scenario.zone.endpoints.zone)
  const manager = createRpcClient(VolumeManager, {
    identity: { pocket, zone, kind: 'cli', id: 'test' },
    resolve: () => Promise.resolve(address),
  })
  const volumes: VolumeEntry[] = []
  try {
    for await (const update of manager.watchCellMap({})) {
      volumes.push(...update.volumes)
      if (update.lastPart) break
    }
  } finally {
    manager.close()
  }
  const open = volumes.filter(({ state }) => state === 'open')
  return open.map(({ extents }) => new Set(extents.map(({ diskUuid }) => diskUuid)))
}

function hasDisjointPair(volumes: readonly ReadonlySet<string>[]): boolean {
  return volumes.some((one) => volumes.some((other) => one.isDisjointFrom(other)))
}

it('a cell keeps at least four open volumes on three disks each, two of which share none', async () => {
  await waitForCell('six disks within reach', ({ disks }) => {
    return disks.filter(({ reachable }) => reachable).length === 6
  })
  await expect.poll(openVolumeDisks, { timeout: PATIENCE_MS }).toSatisfy(hasDisjointPair)
  const volumes = await openVolumeDisks()
  expect(volumes.length).toBeGreaterThanOrEqual(4)
  expect(new Set(volumes.map((disks) => disks.size))).toEqual(new Set([3]))
})

it('puts and gets go on when a storage node dies', async () => {
  const half = BLOCK_COUNT / 2
  for (const block of blocks.slice(0, half)) await client.put(block.bytes)
  await scenario.zone.service('storage-node-1-2').kill()
  for (const block of blocks.slice(half)) await client.put(block.bytes)
  await expectAllReadable()
})

it('its volumes are closed with the survivors and shown as under-replicated', async () => {
  const cell = await waitForCell(
    'closed volumes with two copies',
    (each) => each.underReplicatedCount > 0n && each.closingVolumes === 0n,
  )
  for (const volume of cell.underReplicated) {
    expect(volume.copiesInForce).toBe(2)
    expect(volume.copiesWanted).toBe(3)
  }
  await expectAllReadable()
})

it('when it returns, copies that equal the digest count again', async () => {
  const before = (await cellStatus()).underReplicatedCount
  const node = scenario.zone.service('storage-node-1-2')
  node.start()
  await node.waitReady()
  await waitForCell('a copy back in force', (each) => each.underReplicatedCount < before)
  await expectAllReadable()
})

it('with four nodes dead a put says no-open-volume', async () => {
  for (const osdId of [1, 2, 3, 4]) await scenario.zone.service(`storage-node-1-${osdId}`).kill()
  const { bytes } = makeBlock('nowhere to go', BLOCK_SIZE_BYTES)
  const put = client.put(bytes, { timeoutMs: 8_000 })
  await expect(put).rejects.toMatchObject({ code: 'no-open-volume', retryable: true })
})
