// The stream against the map that frontends build from it: it must equal the table at all times.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  parseBucketId,
  parseCellId,
  parseDiskUuid,
  parseExtentId,
  parseOsdId,
  parseVolumeId,
} from '@kura/core'
import { CellMap, type ApplyResult, type CellMapChange } from '@kura/placement'
import { VolumeManager, type CellMapUpdate, type VolumeEntry } from '@kura/proto'
import { createRpcClient } from '@kura/rpc'
import { SeededRandom, temporaryDirectory } from '@kura/testkit'
import { parseDiskState } from './store/disk-rows.ts'
import { CAPACITY_BYTES, TestCell } from './testing/test-cell.ts'

const cellId = parseCellId(1)
const PATIENCE_MS = 15_000
const cleanUps: (() => Promise<void> | void)[] = []
let cell: TestCell

async function surroundings() {
  const directory = await temporaryDirectory()
  cleanUps.push(async () => await directory[Symbol.asyncDispose]())
  return { directory: directory.path, random: new SeededRandom(1) }
}

beforeEach(async () => {
  cell = await TestCell.start({ ...(await surroundings()), settings: { CLOSE_WAIT_MS: '200' } })
  cleanUps.push(async () => await cell[Symbol.asyncDispose]())
  await cell.startLeader()
})

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function parseVolume(entry: VolumeEntry): CellMapChange['volumes'][number] {
  return {
    volumeId: parseVolumeId(entry.volumeId),
    bucketId: parseBucketId(entry.bucketId),
    state: entry.state as 'open',
    generation: entry.generation,
    capacityBytes: Number(entry.capacityBytes),
    usedBytes: Number(entry.usedBytes),
    extents: entry.extents.map((extent) => ({
      extentId: parseExtentId(extent.extentId),
      diskUuid: parseDiskUuid(extent.diskUuid),
      state: extent.state as 'in-force',
    })),
  }
}

function parseUpdate(update: CellMapUpdate): CellMapChange {
  return {
    cellId: parseCellId(update.cellId),
    incarnation: update.incarnation ?? { number: 0, random: '' },
    snapshot: update.snapshot,
    fromVersion: Number(update.fromVersion),
    toVersion: Number(update.toVersion),
    lastPart: update.lastPart,
    volumes: update.volumes.map(parseVolume),
    disks: update.disks.map((disk) => ({
      diskUuid: parseDiskUuid(disk.diskUuid),
      osdId: parseOsdId(disk.osdId),
      domains: { rack: '', power: '', vendor: '', firmware: '', ...disk.domains },
      state: parseDiskState(disk.state),
      reachable: disk.reachable,
      totalBytes: Number(disk.totalBytes),
      freeBytes: Number(disk.freeBytes),
    })),
  }
}

/** Follows the stream into a map until the test ends. */
function follow(map = CellMap.empty(cellId)) {
  const stopping = new AbortController()
  const results: ApplyResult[] = []
  const updates: CellMapUpdate[] = []
  const client = createRpcClient(VolumeManager, {
    identity: cell.identity('frontend', '1'),
    resolve: async () => await Promise.resolve(cell.managerAddress),
  })
  const run = async (): Promise<void> => {
    const request = {
      ...(map.incarnation === undefined ? {} : { incarnation: map.incarnation }),
      knownVersion: BigInt(map.version),
    }
    for await (const update of client.watchCellMap(request, { signal: stopping.signal })) {
      updates.push(update)
      results.push(map.apply(parseUpdate(update)))
    }
  }
  const running = run().catch(() => undefined)
  const stop = async (): Promise<void> => {
    stopping.abort()
    await running
    client.close()
  }
  cleanUps.push(stop)
  return { map, results, updates, stop }
}

function expectEqualsTable(map: CellMap): void {
  const { table } = cell.leader.cell
  expect(map.version).toBe(table.version)
  const volumes = table.volumes.page({ after: 0, limit: 1000 })
  expect(map.bucketCount).toBe(volumes.length)
  for (const volume of volumes) {
    const shown = map.volumeOfBucket(volume.bucketId)
    expect(shown?.state).toBe(volume.state)
    const live = volume.extents.filter(({ state }) => state !== 'retired')
    expect(shown?.extents.map(({ extentId }) => extentId)).toEqual(
      live.map(({ extentId }) => extentId),
    )
  }
}

test('a watcher from the first moment has the table, through births and closings', async () => {
  const { map, results } = follow()
  await vi.waitFor(() => expect(map.openVolumes().length).toBeGreaterThan(3), PATIENCE_MS)
  const index = cell.indexOf(cell.openVolumes()[0]?.extents[0]?.diskUuid ?? '')
  await cell.killNode(index)
  await cell.restartNode(index)
  await vi.waitFor(() => {
    expect(cell.leader.cell.table.volumes.countByState()).toMatchObject({ creating: 0, closing: 0 })
    expect(cell.leader.cell.table.volumes.countByState().closed).toBeGreaterThan(0)
    expectEqualsTable(map)
  }, PATIENCE_MS)
  expect(new Set(results)).toEqual(new Set(['applied']))
})

test('a watcher that knows a version gets what changed since, without a snapshot', async () => {
  const first = follow()
  await vi.waitFor(() => expect(first.map.openVolumes().length).toBeGreaterThan(3), PATIENCE_MS)
  await first.stop()
  await cell.stopLeader()
  await cell.startLeader()
  const victim = cell.openVolumes()[0]
  await cell.killNode(cell.indexOf(victim?.extents[0]?.diskUuid ?? ''))
  await vi.waitFor(() => {
    expect(cell.leader.cell.table.volumes.countByState().closed).toBeGreaterThan(0)
  }, PATIENCE_MS)
  const second = follow(first.map)
  await vi.waitFor(() => expectEqualsTable(second.map), PATIENCE_MS)
  expect(second.updates.some(({ snapshot }) => snapshot)).toBe(false)
  expect(new Set(second.results)).toEqual(new Set(['applied']))
})

test('fill and reachability reach the watcher without a new version', async () => {
  const { map } = follow()
  await vi.waitFor(() => expect(map.openVolumes().length).toBeGreaterThan(3), PATIENCE_MS)
  const [volume] = cell.openVolumes()
  if (volume === undefined) throw new Error('four are open')
  const usedBytes = CAPACITY_BYTES / 4
  for (const { diskUuid, extentId } of volume.extents) {
    cell.node(diskUuid).disk.extent(extentId).usedBytes = usedBytes
  }
  await vi.waitFor(() => {
    expect(map.volumeOfBucket(volume.bucketId)?.usedBytes).toBe(usedBytes)
  }, PATIENCE_MS)
  const dead = volume.extents[0]?.diskUuid ?? parseDiskUuid('')
  await cell.killNode(cell.indexOf(dead))
  await vi.waitFor(() => expect(map.disk(dead)?.reachable).toBe(false), PATIENCE_MS)
})

test('placements by id come from the table, closed ones too', async () => {
  const { map } = follow()
  await vi.waitFor(() => expect(map.openVolumes().length).toBeGreaterThan(3), PATIENCE_MS)
  const client = createRpcClient(VolumeManager, {
    identity: cell.identity('frontend', '1'),
    resolve: async () => await Promise.resolve(cell.managerAddress),
  })
  cleanUps.push(() => {
    client.close()
  })
  const bucketId = map.openVolumes()[0]?.bucketId ?? parseBucketId(1)
  const unknown = parseBucketId(Number.MAX_SAFE_INTEGER)
  const bucketIds = [BigInt(bucketId), BigInt(unknown)]
  const answer = await client.getPlacements({ bucketIds })
  expect(answer.volumes.map((volume) => Number(volume.bucketId))).toEqual([bucketId])
  expect(answer.disks).toHaveLength(3)
  expect(answer.incarnation).toMatchObject(cell.leader.cell.table.transactions.incarnation)
})
