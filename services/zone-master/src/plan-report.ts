/**
 * What a cell's report changes in the registry. Pure: registry and report in, changes out.
 *
 * - An unknown disk joins, and goes in service at once where nothing contradicts its identity: no
 *   other reachable disk claims the same storage node.
 * - A disk known elsewhere stays where it is; the report only raises an alarm.
 * - Suspicion is sticky: a disk that once said that a sync failed stays suspect, whatever later
 *   reports say, until it has been verified and readmitted. So is the loss that an operator
 *   declared: a registry that was put back from a backup hears of it from the cell's own table.
 * - A disk that leaves the reports changes nothing: silence is the volume manager's business.
 */
import type { CellId, DiskState, DiskUuid, FailureDomains } from '@kura/core'
import type { ReportedCell, ReportedDisk } from './cell-status.ts'
import { CELL_WEIGHT_DEFAULT, READMISSION_GRACE_MS } from './limits.ts'
import type { AuditEntry } from './store/audit-log.ts'
import type { RegisteredCell } from './store/cell-table.ts'
import type { RegisteredDisk } from './store/disk-table.ts'

export interface DiskRuling {
  readonly diskUuid: DiskUuid
  readonly state: DiskState
}

export interface ReportPlan {
  readonly newCell: RegisteredCell | undefined
  readonly newDisks: readonly RegisteredDisk[]
  readonly changedDisks: readonly RegisteredDisk[]
  readonly entries: readonly AuditEntry[]
  /** The registry's word on every reported disk, once the plan is applied. */
  readonly rulings: readonly DiskRuling[]
  /** Sentences for a person. */
  readonly alarms: readonly string[]
}

export interface RegistryView {
  readonly cells: readonly RegisteredCell[]
  readonly disks: readonly RegisteredDisk[]
}

interface DiskPlan {
  /** The row as it should be; undefined where the disk must not enter the registry. */
  readonly disk: RegisteredDisk | undefined
  readonly ruling: DiskState
  readonly alarm?: string
}

export function planReport(
  registry: RegistryView,
  report: ReportedCell,
  nowMs: number,
): ReportPlan {
  const { cellId } = report
  const known = new Map(registry.disks.map((disk) => [disk.diskUuid, disk]))
  const plans = report.disks.map((reported) => ({
    reported,
    ...planDisk({ reported, report, registered: known.get(reported.diskUuid), nowMs }),
  }))
  const disks = plans.flatMap(({ disk }) => disk ?? [])
  const changedDisks = disks.filter((disk) => isChanged(known.get(disk.diskUuid), disk))
  const newDisks = disks.filter(({ diskUuid }) => !known.has(diskUuid))
  const isNewCell = !registry.cells.some((cell) => cell.cellId === cellId)
  return {
    newCell: isNewCell ? { cellId, weight: CELL_WEIGHT_DEFAULT } : undefined,
    newDisks,
    changedDisks,
    entries: [
      ...(isNewCell ? [cellEntry(cellId)] : []),
      ...[...newDisks, ...changedDisks].map((disk) => diskEntry(known.get(disk.diskUuid), disk)),
    ],
    rulings: plans.map(({ reported, ruling }) => ({ diskUuid: reported.diskUuid, state: ruling })),
    alarms: plans.flatMap(({ alarm }) => alarm ?? []),
  }
}

/** Whether the plan writes anything at all; most reports do not. */
export function hasChanges(plan: ReportPlan): boolean {
  return plan.newCell !== undefined || plan.newDisks.length + plan.changedDisks.length > 0
}

function planDisk(options: {
  readonly reported: ReportedDisk
  readonly report: ReportedCell
  readonly registered: RegisteredDisk | undefined
  readonly nowMs: number
}): DiskPlan {
  const { reported, report, registered, nowMs } = options
  const { diskUuid, osdId, domains } = reported
  const { cellId } = report
  if (registered !== undefined && (registered.cellId !== cellId || registered.osdId !== osdId)) {
    const alarm =
      `Disk ${diskUuid} is registered for node ${registered.cellId}-${registered.osdId}, ` +
      `but node ${cellId}-${osdId} shows it: a disk does not move between nodes.`
    return { disk: undefined, ruling: 'joining', alarm }
  }
  const rival = reported.reachable ? findRival(reported, report) : undefined
  const before: RegisteredDisk = registered ?? {
    diskUuid,
    cellId,
    osdId,
    domains,
    state: 'joining',
    readmittedAtMs: undefined,
  }
  const state = nextState(before, { reported, hasRival: rival !== undefined, nowMs })
  const alarm =
    rival === undefined || state !== 'joining'
      ? {}
      : { alarm: `Disks ${diskUuid} and ${rival.diskUuid} both claim node ${cellId}-${osdId}.` }
  return { disk: { ...before, domains, state }, ruling: state, ...alarm }
}

function nextState(
  before: RegisteredDisk,
  now: { readonly reported: ReportedDisk; readonly hasRival: boolean; readonly nowMs: number },
): DiskState {
  if (before.state === 'out' || before.state === 'lost') return before.state
  const said = isEcho(before, now.nowMs) ? undefined : now.reported.state
  if (said === 'lost' || before.state === 'suspect') return said === 'lost' ? said : before.state
  if (said === 'suspect') return said
  if (before.state !== 'joining') return before.state
  return now.reported.reachable && !now.hasRival ? 'in-service' : 'joining'
}

/** The cell repeats the registry's word until it hears the new one. */
function isEcho(disk: RegisteredDisk, nowMs: number): boolean {
  if (disk.readmittedAtMs === undefined) return false
  const ageMs = nowMs - disk.readmittedAtMs
  return ageMs >= 0 && ageMs < READMISSION_GRACE_MS
}

function findRival(disk: ReportedDisk, report: ReportedCell): ReportedDisk | undefined {
  return report.disks.find(
    (other) => other.osdId === disk.osdId && other.diskUuid !== disk.diskUuid && other.reachable,
  )
}

function isChanged(before: RegisteredDisk | undefined, after: RegisteredDisk): boolean {
  if (before === undefined) return false
  return before.state !== after.state || !isSameDomains(before.domains, after.domains)
}

function isSameDomains(a: FailureDomains, b: FailureDomains): boolean {
  return (
    a.rack === b.rack && a.power === b.power && a.vendor === b.vendor && a.firmware === b.firmware
  )
}

function cellEntry(cellId: CellId): AuditEntry {
  return ownEntry('register-cell', `cell ${cellId}`, { weight: CELL_WEIGHT_DEFAULT })
}

function diskEntry(before: RegisteredDisk | undefined, after: RegisteredDisk): AuditEntry {
  const { cellId, osdId, domains, state } = after
  const details = { cellId, osdId, before: before?.state ?? 'unknown', after: state, ...domains }
  return ownEntry(before === undefined ? 'register-disk' : 'change-disk', after.diskUuid, details)
}

function ownEntry(operation: string, subject: string, details: AuditEntry['details']): AuditEntry {
  return { actor: 'zone-master', requestId: '', operation, subject, outcome: 'done', details }
}
