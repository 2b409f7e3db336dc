/** A cell's report as core types, as far as the registry decides on it. */
import {
  KuraError,
  parseCellId,
  parseDiskUuid,
  parseOsdId,
  type CellId,
  type DiskState,
  type DiskUuid,
  type FailureDomains,
  type OsdId,
} from '@kura/core'
import type { CellStatus, DiskEntry } from '@kura/proto'
import { parseDiskState } from './store/disk-table.ts'

export interface ReportedDisk {
  readonly diskUuid: DiskUuid
  readonly osdId: OsdId
  readonly domains: FailureDomains
  /** What the cell says: the registry's last word, or `suspect` where the disk itself says so. */
  readonly state: DiskState
  readonly reachable: boolean
}

export interface ReportedCell {
  readonly cellId: CellId
  readonly disks: readonly ReportedDisk[]
}

/** Throws `protocol-violation` for a report that no volume manager sends. */
export function parseCellStatus(status: CellStatus | undefined): ReportedCell {
  if (status === undefined) {
    throw new KuraError('protocol-violation', 'a report has a cell status')
  }
  return { cellId: parseCellId(status.cellId), disks: status.disks.map(parseReportedDisk) }
}

function parseReportedDisk(entry: DiskEntry): ReportedDisk {
  const { rack = '', power = '', vendor = '', firmware = '' } = entry.domains ?? {}
  return {
    diskUuid: parseDiskUuid(entry.diskUuid),
    osdId: parseOsdId(entry.osdId),
    domains: { rack, power, vendor, firmware },
    state: parseDiskState(entry.state),
    reachable: entry.reachable,
  }
}
