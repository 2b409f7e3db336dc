import { KuraError, parseDiskUuid, toKuraError } from '@kura/core'
import type { VerifyDiskResponse } from '@kura/proto'
import type { CallContext } from '@kura/rpc'
import { VERIFY_DISK_TIMEOUT_MS } from '../limits.ts'
import type { LeaderTerm } from '../leader-term.ts'
import type { AuditEntry } from '../store/audit-log.ts'
import type { RegisteredDisk } from '../store/disk-table.ts'
import { auditedCaller, type HandlerParts, type ZoneMasterHandlers } from './handler.ts'

/**
 * Has a disk read completely from media, which takes as long as it takes; a suspect disk without
 * damage goes back in service. Durable: audit entries of begin and end, and the new state.
 */
export function verifyDisk(parts: HandlerParts): ZoneMasterHandlers['verifyDisk'] {
  return async (request, context) => {
    const term = parts.term()
    const disk = findReachableDisk(term, request.diskUuid)
    const entry = (outcome: string, details: AuditEntry['details']): AuditEntry => ({
      ...auditedCaller(context),
      operation: 'verify-disk',
      subject: disk.diskUuid,
      outcome,
      details,
    })
    term.change((registry) => registry.note(entry('begun', { state: disk.state })))
    try {
      const result = await readWholeDisk(parts, disk, context)
      const summary = summarise(result)
      term.change((registry) => {
        if (result.readmitted) registry.readmitDisk(disk.diskUuid, entry('done', summary))
        else registry.note(entry('refused', summary))
      })
      parts.logger.info({ diskUuid: disk.diskUuid, ...summary }, 'disk verified')
      return encodeResult(result)
    } catch (error) {
      noteFailure(parts, term, entry(toKuraError(error).code, {}))
      throw error
    }
  }
}

/** Only what its own node shows now is verified: a node with a new disk would read that one. */
function findReachableDisk(term: LeaderTerm, uuidText: string): RegisteredDisk {
  const diskUuid = parseDiskUuid(uuidText)
  const disk = term.registry.findDisk(diskUuid)
  if (disk === undefined) {
    throw new KuraError('invalid-argument', 'the zone has no such disk', { details: { diskUuid } })
  }
  if (disk.state === 'out') {
    throw new KuraError('state-conflict', 'the disk is out of the zone', { details: { diskUuid } })
  }
  const shown = term.reports.findDisk(disk.cellId, diskUuid)
  if (shown?.reachable === true && shown.osdId === disk.osdId) return disk
  throw new KuraError('unavailable', 'the disk cannot be reached', {
    details: { diskUuid, cellId: disk.cellId, osdId: disk.osdId },
    hint: 'start its storage node; its volume manager must report it as reachable',
  })
}

async function readWholeDisk(
  parts: HandlerParts,
  disk: RegisteredDisk,
  context: CallContext,
): Promise<VerifyDiskResponse> {
  const client = parts.peers.openStorageNode(disk)
  try {
    const { requestId, signal } = context
    return await client.verifyDisk({}, { requestId, signal, timeoutMs: VERIFY_DISK_TIMEOUT_MS })
  } finally {
    client.close()
  }
}

function summarise(result: VerifyDiskResponse) {
  return {
    extentsRead: Number(result.extentsRead),
    bytesRead: Number(result.bytesRead),
    damageCount: result.damages.length,
    readmitted: result.readmitted,
  }
}

function encodeResult(result: VerifyDiskResponse) {
  const { extentsRead, bytesRead, readmitted } = result
  return { extentsRead, bytesRead, readmitted, damageCount: BigInt(result.damages.length) }
}

/** The failure itself goes to the caller; a term that ended cannot note it any more. */
function noteFailure(parts: HandlerParts, term: LeaderTerm, entry: AuditEntry): void {
  try {
    term.change((registry) => registry.note(entry))
  } catch (error) {
    parts.logger.warn({ err: error, subject: entry.subject }, 'a failure could not be noted')
  }
}
