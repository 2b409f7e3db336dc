import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  KuraError,
  parseCellId,
  parseDiskUuid,
  parseOrderId,
  parseOsdId,
  parsePocketId,
  parseZoneId,
  splitId,
  type ErrorCode,
  type VolumeId,
} from '@kura/core'
import { initialiseDatabase, openDatabase, type KuraDatabase } from '@kura/database'
import { SeededRandom, temporaryDirectory, type TemporaryDirectory } from '@kura/testkit'
import { ID_BLOCK_COUNT } from './id-issuer.ts'
import {
  initialiseReplicationTable,
  openReplicationDatabase,
  ReplicationTable,
  tableIdentity,
  tablePath,
  type TablePlace,
} from './replication-table.ts'
import { MIGRATIONS } from './schema.ts'

const cellId = parseCellId(3)
const diskUuids = [1, 2, 3].map((digit) =>
  parseDiskUuid(`00000000-0000-4000-8000-00000000000${digit}`),
)
const DIGEST = 'ab'.repeat(32)

let directory: TemporaryDirectory
let place: TablePlace
let database: KuraDatabase

beforeEach(async () => {
  directory = await temporaryDirectory()
  place = {
    dataDir: directory.path,
    pocket: parsePocketId('test'),
    zone: parseZoneId('a'),
    cellId,
  }
  initialiseReplicationTable(place, new SeededRandom(1))
  database = openReplicationDatabase(place)
})

afterEach(async () => {
  database.close()
  await directory[Symbol.asyncDispose]()
})

function lead(): ReplicationTable {
  const table = ReplicationTable.takeOver(database, cellId)
  if (table.disks.all().length > 0) return table
  for (const [index, diskUuid] of diskUuids.entries()) {
    const domains = { rack: `rack-${index}`, power: 'p', vendor: 'v', firmware: 'f' }
    table.disks.put({ diskUuid, osdId: parseOsdId(index + 1), domains, state: 'in-service' })
  }
  return table
}

function reopen(): void {
  database.close()
  database = openReplicationDatabase(place)
}

function insert(table: ReplicationTable): VolumeId {
  const volumeId = table.ids.nextVolumeId()
  table.volumes.insertCreating({
    volumeId,
    bucketId: table.ids.nextBucketId(),
    salt: '0123456789abcdef',
    capacityBytes: 1 << 28,
    orderId: parseOrderId(volumeId),
    extents: diskUuids.map((diskUuid) => ({ extentId: table.ids.nextExtentId(), diskUuid })),
  })
  return volumeId
}

function codeOf(work: () => unknown): ErrorCode | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof KuraError) return error.code
    throw error
  }
}

function close(table: ReplicationTable, volumeId: VolumeId, states = ['in-force', 'in-force']) {
  const extents = table.volumes.get(volumeId)?.extents ?? []
  table.volumes.markClosed({
    volumeId,
    digest: DIGEST,
    recordCount: 7,
    extents: extents.map((extent, index) => ({
      ...extent,
      lengthBytes: 8192,
      state: states[index] === 'in-force' ? 'in-force' : 'source',
    })),
  })
}

test('genesis happens once, and only the own cell opens the table', () => {
  expect(codeOf(() => initialiseReplicationTable(place, new SeededRandom(2)))).toBe(
    'already-initialised',
  )
  database.close()
  const other = { ...place, cellId: parseCellId(4) }
  expect(codeOf(() => openReplicationDatabase(other))).toBe('identity-mismatch')
  database = openReplicationDatabase(place)
})

test('every take-over raises the epoch, across restarts', () => {
  expect(lead().epoch).toBe(1)
  expect(lead().epoch).toBe(2)
  reopen()
  expect(lead().epoch).toBe(3)
})

test('a leader that was taken over can write nothing any more', () => {
  const stale = lead()
  const volumeId = insert(stale)
  const successor = lead()
  const { version } = successor
  const attempts = [
    () => insert(stale),
    () => stale.volumes.markOpen(volumeId),
    () => stale.volumes.markFailed(volumeId),
    () => stale.disks.setStates([]),
    () => stale.transactions.reserveCounters(1),
  ]
  for (const attempt of attempts) expect(codeOf(attempt)).toBe('stale-epoch')
  expect(successor.volumes.get(volumeId)?.state).toBe('creating')
  expect(lead().version).toBe(version)
})

test('ids are never issued twice, whatever restarts', () => {
  const issued = new Set<number>()
  for (let start = 0; start < 5; start += 1) {
    const { ids } = lead()
    for (let count = 0; count < ID_BLOCK_COUNT / 2 + start; count += 1) {
      const id = ids.nextExtentId()
      expect(issued.has(id)).toBe(false)
      issued.add(id)
      expect(splitId(id)).toMatchObject({ cellId, tableIncarnation: 1 })
    }
    reopen()
  }
})

test('a counter is durable before an id of its block exists', () => {
  const { ids } = lead()
  const { counter } = splitId(ids.nextVolumeId())
  reopen()
  expect(splitId(lead().ids.nextVolumeId()).counter).toBe(counter + ID_BLOCK_COUNT)
})

test('a volume goes from creating over open and closing to closed, and no other way', () => {
  const table = lead()
  const volumeId = insert(table)
  expect(codeOf(() => table.volumes.markClosing(volumeId, 'full'))).toBe('state-conflict')
  expect(codeOf(() => close(table, volumeId))).toBe('state-conflict')
  table.volumes.markOpen(volumeId)
  expect(codeOf(() => table.volumes.markOpen(volumeId))).toBe('state-conflict')
  expect(codeOf(() => table.volumes.markFailed(volumeId))).toBe('state-conflict')
  table.volumes.markClosing(volumeId, 'full')
  close(table, volumeId, ['in-force', 'in-force', 'in-force'])
  expect(codeOf(() => table.volumes.markOpen(volumeId))).toBe('state-conflict')
  expect(table.volumes.get(volumeId)).toMatchObject({
    state: 'closed',
    digest: DIGEST,
    recordCount: 7,
  })
  expect(table.volumes.countByState()).toMatchObject({ creating: 0, open: 0, closed: 1 })
})

test('what is committed is there after a restart', () => {
  const table = lead()
  const volumeId = insert(table)
  table.volumes.markOpen(volumeId)
  const before = table.volumes.get(volumeId)
  const { version } = table
  reopen()
  const after = lead()
  expect(after.volumes.get(volumeId)).toEqual(before)
  expect(after.version).toBe(version)
  expect(after.volumes.countByState().open).toBe(1)
})

test('every transaction raises the version, and changes since a version are found again', () => {
  const table = lead()
  const first = insert(table)
  const { version } = table
  const second = insert(table)
  table.volumes.markOpen(first)
  expect(table.version).toBe(version + 2)
  const changed = table.volumes.changedSince(version, { limit: 10 })
  expect(changed.map(({ volumeId }) => volumeId)).toEqual([second, first])
  expect(table.volumes.changedSince(table.version, { limit: 10 })).toEqual([])
})

test('a volume short of copies is listed until its source is in force again', () => {
  const table = lead()
  const volumeId = insert(table)
  table.volumes.markOpen(volumeId)
  table.volumes.markClosing(volumeId, 'copy-lost')
  close(table, volumeId, ['in-force', 'in-force', 'source'])
  expect(table.volumes.underReplicatedCount()).toBe(1)
  const third = parseDiskUuid('00000000-0000-4000-8000-000000000003')
  const [source] = table.volumes.onDisk(third, 'source')
  expect(source?.volumeId).toBe(volumeId)
  const extentId = source?.extents[2]?.extentId
  if (extentId === undefined) throw new Error('three extents')
  table.volumes.putInForce({ volumeId, extentId, lengthBytes: 4096 })
  expect(table.volumes.underReplicatedCount()).toBe(0)
  expect(table.volumes.underReplicated({ limit: 10 })).toEqual([])
  expect(table.volumes.wholeOnDisks(diskUuids, { limit: 10 }).count).toBe(1)
})

function closeOne(table: ReplicationTable): VolumeId {
  const volumeId = insert(table)
  table.volumes.markOpen(volumeId)
  table.volumes.markClosing(volumeId, 'full')
  close(table, volumeId, ['in-force', 'in-force', 'in-force'])
  return volumeId
}

const NO_EVIDENCE = { lostDisks: [], unsound: [], differing: [], except: [] }

test('a repair is one order: begun on a closed volume, and committed or cancelled as a whole', () => {
  const table = lead()
  const volumeId = closeOne(table)
  const [lost, ...kept] = table.volumes.get(volumeId)?.extents ?? []
  const [orderId, other] = [table.ids.nextOrderId(), table.ids.nextOrderId()]
  const extentId = table.ids.nextExtentId()
  const intent = { volumeId, extentId, diskUuid: diskUuids[0] ?? parseDiskUuid(''), orderId }
  expect(codeOf(() => table.volumes.addIntent(intent))).toBe('state-conflict')
  table.volumes.beginRepair(volumeId, orderId)
  expect(codeOf(() => table.volumes.beginRepair(volumeId, other))).toBe('state-conflict')
  expect(table.volumes.ordered().map((one) => one.orderId)).toEqual([orderId])
  table.volumes.addIntent(intent)
  const done = {
    ...{ volumeId, orderId, digest: DIGEST, recordCount: 7 },
    built: [{ extentId, lengthBytes: 4096 }],
    retired: lost === undefined ? [] : [lost.extentId],
  }
  const foreign = { ...done, orderId: other }
  expect(codeOf(() => table.volumes.commitRepair(foreign))).toBe('state-conflict')
  expect(codeOf(() => table.volumes.cancelRepair(volumeId, other))).toBe('state-conflict')
  const { version } = table
  table.volumes.commitRepair(done)
  expect(table.version).toBe(version + 1)
  reopen()
  const after = lead().volumes.get(volumeId)
  expect(after).toMatchObject({ generation: 2, orderId: undefined, state: 'closed' })
  expect(after?.extents.map(({ state }) => state)).toEqual([
    'retired',
    ...kept.map(() => 'in-force'),
    'in-force',
  ])
  expect(after?.extents[3]).toMatchObject({ extentId, lengthBytes: 4096 })
})

test('a cancelled repair leaves the copies as they were, and its intents retired', () => {
  const table = lead()
  const volumeId = closeOne(table)
  const before = table.volumes.get(volumeId)
  const orderId = table.ids.nextOrderId()
  table.volumes.beginRepair(volumeId, orderId)
  const extentId = table.ids.nextExtentId()
  const [diskUuid = parseDiskUuid('')] = diskUuids
  table.volumes.addIntent({ volumeId, extentId, diskUuid, orderId })
  const source = before?.extents[0]?.extentId ?? extentId
  const inForce = { volumeId, extentId: source, lengthBytes: 1 }
  expect(codeOf(() => table.volumes.putInForce(inForce))).toBe('state-conflict')
  expect(codeOf(() => table.volumes.retireSource(volumeId, source))).toBe('state-conflict')
  table.volumes.cancelRepair(volumeId, orderId)
  const after = table.volumes.get(volumeId)
  expect(after?.extents.slice(0, 3)).toEqual(before?.extents)
  expect(after?.extents[3]?.state).toBe('retired')
  expect(after).toMatchObject({ orderId: undefined, generation: 1 })
})

test('what needs a repair is found by its copies, the fewest whole ones first', () => {
  const table = lead()
  const [whole, damaged, short] = [closeOne(table), closeOne(table), closeOne(table)]
  const shortCopies = table.volumes.get(short)?.extents ?? []
  const damagedCopies = table.volumes.get(damaged)?.extents ?? []
  const found = (evidence: Partial<Parameters<typeof table.volumes.needingRepair>[0]>) =>
    table.volumes
      .needingRepair({ ...NO_EVIDENCE, ...evidence }, { limit: 10 })
      .map(({ volumeId }) => volumeId)
  expect(found({})).toEqual([])
  const unsound = [damagedCopies[0], shortCopies[0], shortCopies[1]].flatMap((extent) =>
    extent === undefined ? [] : [extent.extentId],
  )
  expect(found({ unsound })).toEqual([short, damaged])
  expect(found({ unsound, except: [short] })).toEqual([damaged])
  expect(found({ differing: [whole] })).toEqual([whole])
  expect(found({ lostDisks: diskUuids.slice(0, 1), unsound })).toEqual([short, whole, damaged])
  table.volumes.beginRepair(short, table.ids.nextOrderId())
  expect(found({ unsound })).toEqual([damaged])
})

test('the first trusted incarnation of the index stands', () => {
  const { transactions } = lead()
  expect(transactions.trustedIndexIncarnation()).toBeUndefined()
  const incarnation = { number: 1, random: 'fedcba9876543210' }
  transactions.trustIndexIncarnation(incarnation)
  reopen()
  expect(lead().transactions.trustedIndexIncarnation()).toEqual(incarnation)
})

test('a copy taken out of force is missed where copies are counted', () => {
  const table = lead()
  const volumeId = insert(table)
  table.volumes.markOpen(volumeId)
  table.volumes.markClosing(volumeId, 'full')
  close(table, volumeId, ['in-force', 'in-force', 'in-force'])
  const extentId = table.volumes.get(volumeId)?.extents[0]?.extentId
  if (extentId === undefined) throw new Error('three extents')
  table.volumes.takeOutOfForce({ volumeId, extentId })
  expect(table.volumes.underReplicatedCount()).toBe(1)
  expect(table.volumes.get(volumeId)?.extents[0]).toMatchObject({ state: 'source', lengthBytes: 0 })
})

test('a copy changes its place in the table only from the state that the step is for', () => {
  const table = lead()
  const volumeId = insert(table)
  table.volumes.markOpen(volumeId)
  table.volumes.markClosing(volumeId, 'copy-lost')
  close(table, volumeId, ['in-force', 'in-force', 'source'])
  const [first, , source] = table.volumes.get(volumeId)?.extents ?? []
  if (first === undefined || source === undefined) throw new Error('three extents')
  const inForce = { volumeId, extentId: first.extentId }
  expect(codeOf(() => table.volumes.retireSource(volumeId, first.extentId))).toBe('state-conflict')
  expect(codeOf(() => table.volumes.putInForce({ ...inForce, lengthBytes: 1 }))).toBe(
    'state-conflict',
  )
  const { extentId } = source
  expect(codeOf(() => table.volumes.takeOutOfForce({ volumeId, extentId }))).toBe('state-conflict')
  table.volumes.retireSource(volumeId, extentId)
  expect(codeOf(() => table.volumes.retireSource(volumeId, extentId))).toBe('state-conflict')
  expect(table.volumes.underReplicatedCount()).toBe(1)
})

test('a volume with several copies on a disk is listed once', () => {
  const table = lead()
  const volumeId = closeOne(table)
  const [orderId, extentId] = [table.ids.nextOrderId(), table.ids.nextExtentId()]
  const diskUuid = diskUuids[0] ?? parseDiskUuid('')
  table.volumes.beginRepair(volumeId, orderId)
  table.volumes.addIntent({ volumeId, extentId, diskUuid, orderId })
  const built = [{ extentId, lengthBytes: 4096 }]
  table.volumes.commitRepair({
    ...{ volumeId, orderId, digest: DIGEST, recordCount: 7, built },
    retired: [],
  })
  expect(table.volumes.onDisk(diskUuid, 'in-force')).toHaveLength(1)
})

test('a table that disks have outlived issues no ids', () => {
  const { ids } = lead()
  ids.nextExtentId()
  ids.hold('a disk has seen a newer table')
  expect(codeOf(() => ids.nextExtentId())).toBe('state-conflict')
  expect(lead().ids.holdReason).toBeUndefined()
})

test('a table of the time before lost disks keeps its disks, and what extents say of them', async () => {
  await using older = await temporaryDirectory()
  const path = tablePath(older.path)
  const identity = tableIdentity(place)
  const before = MIGRATIONS.slice(0, 2)
  const random = new SeededRandom(1)
  initialiseDatabase({ path, genesis: identity, random, migrations: before })
  database.close()
  database = openDatabase({ path, expected: identity, migrations: before })
  const table = lead()
  const volumeId = insert(table)
  const [volume, disks] = [table.volumes.get(volumeId), table.disks.all()]
  database.close()
  place = { ...place, dataDir: older.path, verify: true }
  database = openReplicationDatabase(place)
  const after = lead()
  expect(after.disks.all()).toEqual(disks)
  expect(after.volumes.get(volumeId)).toEqual(volume)
  const [lost] = diskUuids
  if (lost !== undefined) after.disks.setStates([{ diskUuid: lost, state: 'lost' }])
  expect(after.disks.all().map(({ state }) => state)).toEqual(['lost', 'in-service', 'in-service'])
  // Extents still name only disks that there are.
  const stranger = database.prepare(`update extents set disk_uuid = 'nobody'`)
  expect(() => stranger.run()).toThrow()
})
