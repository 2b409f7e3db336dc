import { join } from 'node:path'
import { parseCellId, parseDiskUuid, parseOsdId, parsePocketId, parseZoneId } from '@kura/core'
import { initialiseDatabase, openDatabase } from '@kura/database'
import { ManualClock, SeededRandom, temporaryDirectory } from '@kura/testkit'
import { expect, it } from 'vitest'
import { planReport } from '../plan-report.ts'
import { databaseIdentity, MIGRATIONS } from './schema.ts'
import { ZoneRegistry } from './zone-registry.ts'

const identity = databaseIdentity({ pocket: parsePocketId('test'), zone: parseZoneId('a') })
const cellId = parseCellId(1)
const operator = { actor: 'cli anna', requestId: 'r-1' }
const diskUuid = parseDiskUuid('00000000-0000-4000-8000-000000000001')
const disk = {
  diskUuid,
  osdId: parseOsdId(1),
  domains: { rack: 'r1', power: 'p1', vendor: 'v', firmware: 'f' },
  reachable: true,
} as const

const lossEntry = {
  operation: 'declare-disk-lost',
  subject: diskUuid,
  outcome: 'done',
  details: { before: 'in-service' },
} as const

async function createRegistry() {
  const directory = await temporaryDirectory()
  const path = join(directory.path, 'zone-registry.sqlite')
  initialiseDatabase({
    path,
    genesis: identity,
    random: new SeededRandom(1),
    migrations: MIGRATIONS,
  })
  const clock = new ManualClock()
  const open = () => openDatabase({ path, expected: identity, migrations: MIGRATIONS })
  const takeOver = (): ZoneRegistry => ZoneRegistry.takeOver({ database: open(), clock })
  return { clock, open, takeOver, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() }
}

function report(registry: ZoneRegistry, state: 'joining' | 'suspect'): void {
  const view = { cells: registry.zoneMap().cells, disks: registry.disks() }
  registry.applyReport(cellId, planReport(view, { cellId, disks: [{ ...disk, state }] }, 0))
}

it('every take-over raises the epoch and finds what the last one left', async () => {
  await using store = await createRegistry()
  const first = store.takeOver()
  report(first, 'joining')
  first.setCellWeight({ cellId, weight: 30 }, operator)
  first.close()
  const second = store.takeOver()
  expect(second.epoch).toBe(first.epoch + 1)
  expect(second.zoneMap()).toEqual({ version: 3, cells: [{ cellId, weight: 30 }] })
  expect(second.nodes()).toEqual([{ cellId, osdId: 1 }])
  expect(second.disks()).toMatchObject([{ diskUuid, state: 'in-service', domains: disk.domains }])
  second.close()
})

it('a deposed leader changes nothing', async () => {
  await using store = await createRegistry()
  const database = store.open()
  const deposed = ZoneRegistry.takeOver({ database, clock: store.clock })
  report(deposed, 'joining')
  const leader = ZoneRegistry.takeOver({ database, clock: store.clock })
  expect(() => deposed.setCellWeight({ cellId, weight: 1 }, operator)).toThrow(
    expect.objectContaining({ code: 'not-leader' }),
  )
  expect(() => report(deposed, 'suspect')).toThrow(expect.objectContaining({ code: 'not-leader' }))
  expect(leader.zoneMap().cells).toEqual([{ cellId, weight: 100 }])
  expect(leader.disks()).toMatchObject([{ state: 'in-service' }])
  leader.close()
})

it('an unchanged weight leaves the map alone, and an unknown cell is refused', async () => {
  await using store = await createRegistry()
  const registry = store.takeOver()
  report(registry, 'joining')
  const { version } = registry.zoneMap()
  registry.setCellWeight({ cellId, weight: 100 }, operator)
  expect(registry.zoneMap().version).toBe(version)
  expect(() => registry.setCellWeight({ cellId: parseCellId(9), weight: 1 }, operator)).toThrow(
    expect.objectContaining({ code: 'invalid-argument' }),
  )
  registry.close()
})

it('a registry of the time before lost disks keeps all its disks', async () => {
  await using directory = await temporaryDirectory()
  const path = join(directory.path, 'zone-registry.sqlite')
  const before = MIGRATIONS.slice(0, 1)
  initialiseDatabase({ path, genesis: identity, random: new SeededRandom(1), migrations: before })
  const clock = new ManualClock()
  const open = (migrations = MIGRATIONS) => openDatabase({ path, expected: identity, migrations })
  const older = ZoneRegistry.takeOver({ database: open(before), clock })
  report(older, 'suspect')
  const disks = older.disks()
  older.close()
  const newer = ZoneRegistry.takeOver({ database: open(), clock })
  expect(newer.disks()).toEqual(disks)
  newer.loseDisk(diskUuid, { ...operator, ...lossEntry })
  expect(newer.disks()).toEqual([{ ...disks[0], state: 'lost' }])
  newer.close()
})

it('a disk is declared lost once, with an entry in the audit log', async () => {
  await using store = await createRegistry()
  const registry = store.takeOver()
  const declare = (): void => registry.loseDisk(diskUuid, { ...operator, ...lossEntry })
  expect(declare).toThrow(expect.objectContaining({ code: 'state-conflict' }))
  report(registry, 'joining')
  declare()
  expect(registry.findDisk(diskUuid)?.state).toBe('lost')
  expect(registry.auditEntries(1)).toMatchObject([{ ...operator, ...lossEntry }])
  expect(declare).toThrow(expect.objectContaining({ code: 'state-conflict' }))
  registry.readmitDisk(diskUuid, { ...operator, ...lossEntry, operation: 'verify-disk' })
  expect(registry.findDisk(diskUuid)?.state).toBe('in-service')
  registry.close()
})

it('operator actions and own decisions are in the audit log, with epoch and time', async () => {
  await using store = await createRegistry()
  const registry = store.takeOver()
  report(registry, 'joining')
  report(registry, 'suspect')
  await store.clock.advance(5)
  registry.setCellWeight({ cellId, weight: 0 }, operator)
  const [weight, suspicion] = registry.auditEntries(2)
  expect(weight).toEqual({
    ...operator,
    atMs: store.clock.nowMs(),
    epoch: registry.epoch,
    operation: 'set-cell-weight',
    subject: 'cell 1',
    outcome: 'done',
    details: { before: 100, after: 0 },
  })
  expect(suspicion).toMatchObject({
    actor: 'zone-master',
    operation: 'change-disk',
    subject: diskUuid,
    details: { before: 'in-service', after: 'suspect' },
  })
  registry.close()
})
