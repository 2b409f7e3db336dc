import { parseCellId, parseDiskUuid, parseOsdId, type DiskState } from '@kura/core'
import { expect, it } from 'vitest'
import type { ReportedCell, ReportedDisk } from './cell-status.ts'
import { READMISSION_GRACE_MS } from './limits.ts'
import { hasChanges, planReport, type RegistryView } from './plan-report.ts'
import type { RegisteredDisk } from './store/disk-table.ts'

const NOW_MS = 1_000_000
const cellId = parseCellId(1)
const domains = { rack: 'r1', power: 'p1', vendor: 'v', firmware: 'f' }

function uuid(digit: number): string {
  return `00000000-0000-4000-8000-00000000000${digit}`
}

function reported(digit: number, overrides: Partial<ReportedDisk> = {}): ReportedDisk {
  const diskUuid = parseDiskUuid(uuid(digit))
  return {
    diskUuid,
    osdId: parseOsdId(digit),
    domains,
    state: 'joining',
    reachable: true,
    ...overrides,
  }
}

function registered(digit: number, overrides: Partial<RegisteredDisk> = {}): RegisteredDisk {
  const diskUuid = parseDiskUuid(uuid(digit))
  const osdId = parseOsdId(digit)
  return {
    diskUuid,
    cellId,
    osdId,
    domains,
    state: 'in-service',
    readmittedAtMs: undefined,
    ...overrides,
  }
}

function report(...disks: ReportedDisk[]): ReportedCell {
  return { cellId, disks }
}

function registryOf(...disks: RegisteredDisk[]): RegistryView {
  return { cells: [{ cellId, weight: 100 }], disks }
}

/** The registry's word after a report of one disk, and whether anything is written. */
function ruling(before: RegisteredDisk, said: DiskState): string {
  const plan = planReport(registryOf(before), report(reported(1, { state: said })), NOW_MS)
  return `${plan.rulings[0]?.state ?? 'none'}${hasChanges(plan) ? ' written' : ''}`
}

it('the first report of a cell registers the cell, its disks and their domains', () => {
  const plan = planReport({ cells: [], disks: [] }, report(reported(1), reported(2)), NOW_MS)
  expect(plan.newCell).toEqual({ cellId, weight: 100 })
  expect(plan.newDisks).toEqual([registered(1), registered(2)])
  expect(plan.rulings.map(({ state }) => state)).toEqual(['in-service', 'in-service'])
  expect(plan.entries.map(({ operation }) => operation)).toEqual([
    'register-cell',
    'register-disk',
    'register-disk',
  ])
})

it('a report that says nothing new writes nothing', () => {
  expect(ruling(registered(1), 'in-service')).toBe('in-service')
  const nobody = planReport(registryOf(registered(1)), report(), NOW_MS)
  expect(hasChanges(nobody)).toBe(false)
})

it('a disk that cannot be reached joins, and goes in service when it can', () => {
  const far = planReport(registryOf(), report(reported(1, { reachable: false })), NOW_MS)
  expect(far.newDisks).toEqual([registered(1, { state: 'joining' })])
  expect(ruling(registered(1, { state: 'joining' }), 'joining')).toBe('in-service written')
})

it('suspicion is taken from any working state and is sticky', () => {
  for (const state of ['joining', 'in-service', 'draining'] as const) {
    expect(ruling(registered(1, { state }), 'suspect')).toBe('suspect written')
  }
  for (const said of ['in-service', 'joining', 'suspect', 'out'] as const) {
    expect(ruling(registered(1, { state: 'suspect' }), said)).toBe('suspect')
  }
})

it('a disk that was declared lost stays so, whatever its cell says of it', () => {
  for (const said of ['in-service', 'joining', 'suspect', 'lost'] as const) {
    expect(ruling(registered(1, { state: 'lost' }), said)).toBe('lost')
  }
})

it('a registry of an older time hears of a lost disk from the table of its cell', () => {
  for (const state of ['joining', 'in-service', 'suspect'] as const) {
    expect(ruling(registered(1, { state }), 'lost')).toBe('lost written')
  }
  const plan = planReport(registryOf(), report(reported(1, { state: 'lost' })), NOW_MS)
  expect(plan.newDisks).toEqual([registered(1, { state: 'lost' })])
  expect(ruling(registered(1, { readmittedAtMs: NOW_MS }), 'lost')).toBe('in-service')
})

it('a disk that is out stays out, and one that drains goes on draining', () => {
  expect(ruling(registered(1, { state: 'out' }), 'suspect')).toBe('out')
  expect(ruling(registered(1, { state: 'draining' }), 'in-service')).toBe('draining')
})

it('right after a readmission the cell repeats the old word, which counts only later', () => {
  const readmitted = (ageMs: number) => registered(1, { readmittedAtMs: NOW_MS - ageMs })
  expect(ruling(readmitted(0), 'suspect')).toBe('in-service')
  expect(ruling(readmitted(READMISSION_GRACE_MS - 1), 'suspect')).toBe('in-service')
  expect(ruling(readmitted(READMISSION_GRACE_MS), 'suspect')).toBe('suspect written')
  expect(ruling(readmitted(-1), 'suspect')).toBe('suspect written')
})

it('a disk known at another node or cell stays there, with an alarm', () => {
  for (const elsewhere of [{ osdId: parseOsdId(7) }, { cellId: parseCellId(2) }]) {
    const plan = planReport(registryOf(registered(1, elsewhere)), report(reported(1)), NOW_MS)
    expect(hasChanges(plan)).toBe(false)
    expect(plan.rulings[0]?.state).toBe('joining')
    expect(plan.alarms).toHaveLength(1)
  }
})

it('of two reachable disks that claim one node a new one does not go in service', () => {
  const rival = reported(2, { osdId: parseOsdId(1) })
  const plan = planReport(registryOf(registered(1)), report(reported(1), rival), NOW_MS)
  expect(plan.rulings.map(({ state }) => state)).toEqual(['in-service', 'joining'])
  expect(plan.alarms).toHaveLength(1)
  const gone = reported(1, { reachable: false })
  const replaced = planReport(registryOf(registered(1)), report(gone, rival), NOW_MS)
  expect(replaced.rulings.map(({ state }) => state)).toEqual(['in-service', 'in-service'])
})

it('new labels of failure domains are written', () => {
  const moved = reported(1, { state: 'in-service', domains: { ...domains, rack: 'r9' } })
  const plan = planReport(registryOf(registered(1)), report(moved), NOW_MS)
  expect(plan.changedDisks).toEqual([registered(1, { domains: { ...domains, rack: 'r9' } })])
})
