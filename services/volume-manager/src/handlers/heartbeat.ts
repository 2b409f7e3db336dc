import { KuraError } from '@kura/core'
import type { HeartbeatRequest } from '@kura/proto'
import type { Cell } from '../cell.ts'
import { parseHeartbeat, type Heartbeat } from '../heartbeat.ts'
import type { DiskRecord } from '../store/disk-rows.ts'

/**
 * A storage node says that it lives. A disk that the table does not know joins it; what it said is
 * kept in memory and wakes whoever has to act on it.
 */
export async function heartbeat(cell: Cell, request: HeartbeatRequest) {
  checkPlace(cell, request)
  const beat = parseHeartbeat(request)
  const hasNews = bringsNews(cell, beat)
  recordDisk(cell, beat)
  // The connection to an earlier process would only be tried again after a pause.
  if (cell.view.isNewProcess(beat)) cell.nodes.forget(beat.diskUuid)
  const appears = cell.view.takeHeartbeat(beat)
  checkEpoch(cell, beat)
  if (appears) cell.wake.reconcile(beat.diskUuid)
  if (appears || hasNews) cell.wake.keeper()
  return await Promise.resolve({
    epoch: BigInt(cell.table.epoch),
    diskState: cell.view.state(beat.diskUuid),
  })
}

function checkPlace({ config }: Cell, request: HeartbeatRequest): void {
  const { pocket, zone, cellId } = request
  if (pocket === config.pocket && zone === config.zone && cellId === config.cellId) return
  throw new KuraError('identity-mismatch', 'the storage node belongs to another cell', {
    details: { pocket, zone, cellId },
  })
}

/** Durable: the disk's identity, and that it became suspect: a restart does not clear that. */
function recordDisk(cell: Cell, beat: Heartbeat): void {
  const known = cell.view.record(beat.diskUuid)
  const state = known?.state ?? 'joining'
  const record: DiskRecord = {
    diskUuid: beat.diskUuid,
    osdId: beat.osdId,
    domains: beat.domains,
    state: beat.suspect && (state === 'in-service' || state === 'joining') ? 'suspect' : state,
  }
  if (known !== undefined && isSameRecord(known, record)) return
  cell.table.disks.put(record)
  cell.view.setRecord(record)
  cell.wake.reporter()
}

function isSameRecord(one: DiskRecord, other: DiskRecord): boolean {
  return (
    one.osdId === other.osdId &&
    one.state === other.state &&
    one.domains.rack === other.domains.rack &&
    one.domains.power === other.domains.power &&
    one.domains.vendor === other.domains.vendor &&
    one.domains.firmware === other.domains.firmware
  )
}

/** Whether the planner may decide otherwise than after the disk's last heartbeat. */
function bringsNews({ view, config }: Cell, beat: Heartbeat): boolean {
  const last = view.heartbeat(beat.diskUuid)
  if (last === undefined) return true
  if (last.suspect !== beat.suspect || last.fullness !== beat.fullness) return true
  for (const report of beat.unsealed.values()) {
    const before = last.unsealed.get(report.extentId)
    if (before?.state !== report.state) return true
    const markBytes = (report.capacityBytes * config.replaceAtFillPercent) / 100
    if (before.lengthBytes < markBytes && report.lengthBytes >= markBytes) return true
  }
  return false
}

const TABLE_IS_OLDER =
  'The table is older than the disks: no volume is made until it is rebuilt (kura rebuild).'

/** A disk that obeyed a higher epoch than the table's has seen a newer table. */
function checkEpoch({ table, alarms }: Cell, beat: Heartbeat): void {
  if (beat.epoch <= table.epoch) return
  const { diskUuid, epoch } = beat
  const sentence = `Disk ${diskUuid} obeyed epoch ${epoch}; the table is at ${table.epoch}.`
  alarms.raise('table-older-than-disks', `${sentence} ${TABLE_IS_OLDER}`)
  table.ids.hold(sentence)
}
