import { isErrorCode, parseDiskUuid, parseVolumeId, type ErrorCode } from '@kura/core'
import type { ReportFailureRequest } from '@kura/proto'
import type { Cell } from '../cell.ts'

/** Load and the caller's own haste: no evidence against a volume, though reason to ask the disk. */
const NOT_FAILURES: readonly ErrorCode[] = [
  'overloaded',
  'rate-limited',
  'cancelled',
  'shutting-down',
  'body-incomplete',
  'body-too-slow',
]

/** A frontend saw a copy fail. Evidence, not an order: the disk is asked, the report is counted. */
export async function reportFailure(cell: Cell, request: ReportFailureRequest) {
  const volumeId = parseVolumeId(request.volumeId)
  const code = isErrorCode(request.code) ? request.code : 'internal'
  const { reports, view, wake } = cell
  if (code === 'extent-full') reports.noteFull(volumeId)
  else {
    const isFailure = request.operation === 'write' && !NOT_FAILURES.includes(code)
    if (isFailure) reports.noteFailure(volumeId, request.frontendId)
    const diskUuid = request.diskUuid === '' ? undefined : parseDiskUuid(request.diskUuid)
    if (diskUuid !== undefined && view.record(diskUuid) !== undefined) wake.probe(diskUuid)
  }
  wake.keeper()
  return await Promise.resolve({})
}
