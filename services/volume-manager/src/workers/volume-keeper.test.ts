// The keeper with a real leader over real gRPC: when volumes are opened, replaced and closed.
import { afterEach, expect, test, vi } from 'vitest'
import { composeId, isKuraError, KuraError, parseCellId, type Volume } from '@kura/core'
import { VolumeManager } from '@kura/proto'
import { createRpcClient } from '@kura/rpc'
import { SeededRandom, temporaryDirectory } from '@kura/testkit'
import { CAPACITY_BYTES, TestCell, type TestCellOptions } from '../testing/test-cell.ts'

const cleanUps: (() => Promise<void> | void)[] = []
const PATIENCE_MS = 15_000

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function surroundings() {
  const directory = await temporaryDirectory()
  cleanUps.push(async () => await directory[Symbol.asyncDispose]())
  return { directory: directory.path, random: new SeededRandom(1) }
}

async function startCell(options: Partial<TestCellOptions> = {}): Promise<TestCell> {
  const cell = await TestCell.start({ ...(await surroundings()), ...options })
  cleanUps.push(async () => await cell[Symbol.asyncDispose]())
  await cell.startLeader()
  return cell
}

async function openCell(options: Partial<TestCellOptions> = {}): Promise<TestCell> {
  const cell = await startCell(options)
  await vi.waitFor(() => expect(cell.openVolumes().length).toBeGreaterThan(3), PATIENCE_MS)
  return cell
}

function managerClient(cell: TestCell) {
  const resolve = async (): Promise<string> => await Promise.resolve(cell.managerAddress)
  const client = createRpcClient(VolumeManager, {
    identity: cell.identity('frontend', '1'),
    resolve,
  })
  cleanUps.push(() => {
    client.close()
  })
  return client
}

async function report(
  cell: TestCell,
  volume: Volume,
  given: { readonly frontendId: string; readonly code: string },
): Promise<void> {
  await managerClient(cell).reportFailure({
    volumeId: BigInt(volume.volumeId),
    operation: 'write',
    ...given,
  })
}

function fill(cell: TestCell, volume: Volume, percent: number): void {
  for (const { diskUuid, extentId } of volume.extents) {
    const usedBytes = Math.floor((CAPACITY_BYTES * percent) / 100)
    cell.node(diskUuid).disk.extent(extentId).usedBytes = usedBytes
  }
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 700))
}

test('each open volume of a cell of six racks has a partner that shares no disk', async () => {
  const cell = await openCell()
  for (const volume of cell.openVolumes()) {
    const disks = volume.extents.map(({ diskUuid }) => diskUuid)
    const partners = cell
      .openVolumes()
      .filter((other) => other.extents.every(({ diskUuid }) => !disks.includes(diskUuid)))
    expect(partners.length).toBeGreaterThan(0)
    expect(cell.gates).toContain(Number(volume.bucketId))
    for (const { diskUuid, extentId, state } of volume.extents) {
      expect(state).toBe('in-force')
      expect(cell.node(diskUuid).disk.extent(extentId).state).toBe('open')
    }
  }
})

test('a volume past the mark is replaced, and closed when it is full', async () => {
  const cell = await openCell()
  const [volume] = cell.openVolumes()
  if (volume === undefined) throw new Error('four are open')
  const before = cell.openVolumes().length
  fill(cell, volume, 60)
  await vi.waitFor(() => expect(cell.openVolumes()).toHaveLength(before + 1), PATIENCE_MS)
  expect(cell.volume(volume.volumeId).state).toBe('open')
  fill(cell, volume, 99)
  await vi.waitFor(() => {
    expect(cell.volume(volume.volumeId).state).toBe('closed')
  }, PATIENCE_MS)
  expect(cell.openVolumes().length).toBeGreaterThan(3)
})

test('a volume said to be full has a successor at once', async () => {
  const cell = await openCell()
  const [volume] = cell.openVolumes()
  if (volume === undefined) throw new Error('four are open')
  const before = cell.openVolumes().length
  const startedAtMs = performance.now()
  await report(cell, volume, { frontendId: '1', code: 'extent-full' })
  await vi.waitFor(() => expect(cell.openVolumes().length).toBeGreaterThan(before), {
    interval: 5,
    timeout: PATIENCE_MS,
  })
  const tookMs = performance.now() - startedAtMs
  // Aimed at 200 ms; other tests share the machine.
  expect(tookMs).toBeLessThan(1_000)
  expect(cell.volume(volume.volumeId).state).toBe('open')
})

test('reports of one frontend do not close a volume, a second one does', async () => {
  const cell = await openCell()
  const [volume] = cell.openVolumes()
  if (volume === undefined) throw new Error('four are open')
  for (let times = 0; times < 5; times += 1) {
    await report(cell, volume, { frontendId: '1', code: 'disk-error' })
  }
  await report(cell, volume, { frontendId: '2', code: 'overloaded' })
  await settle()
  expect(cell.volume(volume.volumeId).state).toBe('open')
  await report(cell, volume, { frontendId: '2', code: 'disk-error' })
  await vi.waitFor(() => {
    expect(cell.volume(volume.volumeId).state).toBe('closed')
  }, PATIENCE_MS)
  expect(cell.openVolumes().length).toBeGreaterThan(3)
})

test('frontends that report every volume close one of them', async () => {
  const cell = await openCell()
  for (const volume of cell.openVolumes()) {
    await report(cell, volume, { frontendId: '1', code: 'disk-error' })
    await report(cell, volume, { frontendId: '2', code: 'disk-error' })
  }
  await vi.waitFor(() => {
    expect(cell.leader.cell.table.volumes.countByState().closed).toBe(1)
  }, PATIENCE_MS)
  await settle()
  expect(cell.leader.cell.table.volumes.countByState().closed).toBe(1)
})

test('a dead node costs the volumes on it and no other', async () => {
  const cell = await openCell()
  const before = cell.openVolumes()
  const dead = before[0]?.extents[0]?.diskUuid ?? ''
  const unhurt = before.filter(({ extents }) => extents.every((it) => it.diskUuid !== dead))
  expect(unhurt.length).toBeGreaterThan(0)
  await cell.killNode(cell.indexOf(dead))
  await vi.waitFor(() => {
    const open = cell.openVolumes()
    expect(open.length).toBeGreaterThan(3)
    expect(open.flatMap(({ extents }) => extents.map((it) => it.diskUuid))).not.toContain(dead)
  }, PATIENCE_MS)
  for (const { volumeId } of unhurt) expect(cell.volume(volumeId).state).toBe('open')
})

test('a disk that hangs though its node is heard loses its volumes until it answers', async () => {
  const cell = await openCell()
  const [volume] = cell.openVolumes()
  const sick = volume?.extents[0]?.diskUuid
  if (volume === undefined || sick === undefined) throw new Error('four are open')
  let hangs = true
  cell.node(sick).beforeOrder = (method) => {
    if (method === 'probeDisk' && hangs) throw new KuraError('disk-error', 'it hangs')
  }
  const client = managerClient(cell)
  const report = { volumeId: BigInt(volume.volumeId), diskUuid: sick, operation: 'write' }
  await client.reportFailure({ ...report, frontendId: '1', code: 'deadline-exceeded' })
  const { view } = cell.leader.cell
  await vi.waitFor(() => {
    expect(cell.volume(volume.volumeId).state).not.toBe('open')
  }, PATIENCE_MS)
  await settle()
  expect(view.isReachable(sick)).toBe(false)
  hangs = false
  await vi.waitFor(() => expect(view.isReachable(sick)).toBe(true), PATIENCE_MS)
})

test('a suspect disk loses its open volumes and stays suspect in the table', async () => {
  const cell = await openCell()
  const suspect = cell.openVolumes()[0]?.extents[0]?.diskUuid ?? ''
  cell.node(suspect).disk.suspect = true
  await vi.waitFor(() => {
    const open = cell.openVolumes()
    expect(open.length).toBeGreaterThan(3)
    expect(open.flatMap(({ extents }) => extents.map((it) => it.diskUuid))).not.toContain(suspect)
  }, PATIENCE_MS)
  const records = cell.leader.cell.table.disks.all()
  expect(records.find(({ diskUuid }) => diskUuid === suspect)?.state).toBe('suspect')
})

test('without the block index no volume opens, and closing goes on', async () => {
  const cell = await openCell()
  cell.isIndexUp = false
  const [volume] = cell.openVolumes()
  if (volume === undefined) throw new Error('four are open')
  const record = cell.append(volume, 'acknowledged')
  const index = cell.indexOf(volume.extents[0]?.diskUuid ?? '')
  await cell.killNode(index)
  await cell.restartNode(index)
  await vi.waitFor(() => {
    expect(cell.volume(volume.volumeId).state).toBe('closed')
  }, PATIENCE_MS)
  expect(cell.volume(volume.volumeId).recordCount).toBe(1)
  expect(cell.held(volume, 1)).toEqual([record.hash])
  expect(cell.openVolumes().length).toBeLessThan(4)
  expect(cell.leader.cell.alarms.list().join()).toContain('the block index is silent')
  cell.isIndexUp = true
  await vi.waitFor(() => expect(cell.openVolumes().length).toBeGreaterThan(3), PATIENCE_MS)
  expect(cell.leader.cell.alarms.list().join()).not.toContain('the block index is silent')
})

test('a birth that a disk refuses is given up, and another disk is taken', async () => {
  const cell = await startCell()
  const victim = cell.nodes[0]
  if (victim === undefined) throw new Error('six nodes')
  victim.beforeOrder = (method) => {
    if (method === 'createExtent') throw new KuraError('disk-full', 'no room')
  }
  await vi.waitFor(() => expect(cell.openVolumes().length).toBeGreaterThan(3), PATIENCE_MS)
  const used = cell.openVolumes().flatMap(({ extents }) => extents.map((it) => it.diskUuid))
  expect(used).not.toContain(victim.disk.diskUuid)
  expect(cell.leader.cell.table.volumes.countByState().retired).toBeGreaterThan(0)
})

test('a volume left creating by a dead leader is opened by the next one', async () => {
  const cell = await TestCell.start(await surroundings())
  cleanUps.push(async () => await cell[Symbol.asyncDispose]())
  cell.isIndexUp = false
  await cell.startLeader()
  const creating = () =>
    cell.leader.cell.table.volumes.alive().filter(({ state }) => state === 'creating')
  await vi.waitFor(() => expect(creating()).toHaveLength(4), PATIENCE_MS)
  const ids = creating().map(({ volumeId }) => volumeId)
  cell.killLeader()
  await cell.stopLeader()
  cell.isIndexUp = true
  await cell.startLeader()
  await vi.waitFor(() => expect(cell.openVolumes().length).toBeGreaterThan(3), PATIENCE_MS)
  expect(cell.openVolumes().map(({ volumeId }) => volumeId)).toEqual(ids)
})

test('an extent that the table does not know is alarmed and left alone', async () => {
  const cell = await TestCell.start(await surroundings())
  cleanUps.push(async () => await cell[Symbol.asyncDispose]())
  const stranger = 8830452760599
  cell.disks[0]?.add({ extentId: stranger, volumeId: 5, bucketId: 6, capacityBytes: 4096 })
  await cell.startLeader()
  await vi.waitFor(() => {
    expect(cell.leader.cell.alarms.list().join()).toContain(String(stranger))
  }, PATIENCE_MS)
  expect(cell.disks[0]?.extent(stranger).state).toBe('open')
})

test('a leader whose disks have obeyed a newer one makes no volume until an operator acts', async () => {
  const cell = await TestCell.start(await surroundings())
  cleanUps.push(async () => await cell[Symbol.asyncDispose]())
  for (const disk of cell.disks) disk.obey(99)
  await cell.startLeader()
  const { table, alarms } = cell.leader.cell
  await vi.waitFor(() => {
    expect(alarms.list().join()).toContain('The table is older than the disks')
    expect(table.ids.holdReason).toContain('obeyed epoch 99')
  }, PATIENCE_MS)
  expect(cell.openVolumes()).toEqual([])
  expect(() => table.ids.nextVolumeId()).toThrow(
    expect.objectContaining({ code: 'state-conflict' }),
  )
})

test('an extent born in a newer table stops the issue of ids', async () => {
  const cell = await TestCell.start(await surroundings())
  cleanUps.push(async () => await cell[Symbol.asyncDispose]())
  const born = { cellId: parseCellId(1), tableIncarnation: 2, counter: 5 }
  const extentId = composeId(born)
  cell.disks[0]?.add({ extentId, volumeId: 5, bucketId: 6, capacityBytes: 4096 })
  await cell.startLeader()
  const { table } = cell.leader.cell
  await vi.waitFor(() => {
    expect(table.ids.holdReason).toContain(String(extentId))
  }, PATIENCE_MS)
})

test('several silent racks are alarmed as a possible cut of the manager itself', async () => {
  const cell = await openCell()
  await Promise.all([cell.killNode(0), cell.killNode(1)])
  await vi.waitFor(() => {
    expect(cell.leader.cell.alarms.list().join()).toContain('2 of 6 disks in 2 racks are silent')
  }, PATIENCE_MS)
})

test('a follower answers not-leader', async () => {
  const cell = await openCell()
  const client = managerClient(cell)
  cell.killLeader()
  const failure = await client.getCellStatus({}).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(isKuraError(failure, 'not-leader')).toBe(true)
})
