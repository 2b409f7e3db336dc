import { KuraError, toKuraError } from '@kura/core'
import type { VerifyDiskResponse } from '@kura/proto'
import type { CallContext } from '@kura/rpc'
import { VERIFY_DISK_TIMEOUT_MS } from '../limits.ts'
import type { LeaderTerm } from '../leader-term.ts'
import type { AuditEntry } from '../store/audit-log.ts'
import type { RegisteredDisk } from '../store/disk-table.ts'
import { findDisk } from '../find-disk.ts'
import { auditedCaller, type HandlerParts, type ZoneMasterHandlers } from './handler.ts'

/**
 * Has a disk read completely from media, which takes as long as it takes; a suspect or lost disk
 * without damage goes back in service. Durable: audit entries of begin and end, and the new state.
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
      const summary = { ...summarise(result), readmitted: isReadmitted(term, disk, result) }
      term.change((registry) => {
        if (summary.readmitted) registry.readmitDisk(disk.diskUuid, entry('done', summary))
        else registry.note(entry('refused', summary))
      })
      parts.logger.info({ diskUuid: disk.diskUuid, ...summary }, 'disk verified')
      return encodeResult(result, summary.readmitted)
    } catch (error) {
      noteFailure(parts, term, entry(toKuraError(error).code, {}))
      throw error
    }
  }
}

/** Only what its own node shows now is verified: a node with a new disk would read that one. */
function findReachableDisk(term: LeaderTerm, uuidText: string): RegisteredDisk {
  const disk = findDisk(term, uuidText)
  const { diskUuid } = disk
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
    const options = { requestId, signal, timeoutMs: VERIFY_DISK_TIMEOUT_MS }
    return await client.verifyDisk({ diskUuid: disk.diskUuid }, options)
  } finally {
    client.close()
  }
}

/**
 * The node answers for its own suspicion only. A disk that was declared lost must be without damage
 * as well, and one that was declared lost during the reading stays so.
 */
function isReadmitted(term: LeaderTerm, before: RegisteredDisk, result: VerifyDiskResponse) {
  const isLost = term.registry.findDisk(before.diskUuid)?.state === 'lost'
  const mayReturn = before.state === 'lost' && result.damages.length === 0
  return result.readmitted && (!isLost || mayReturn)
}

function summarise(result: VerifyDiskResponse) {
  return {
    extentsRead: Number(result.extentsRead),
    bytesRead: Number(result.bytesRead),
    damageCount: result.damages.length,
  }
}

function encodeResult(result: VerifyDiskResponse, readmitted: boolean) {
  const { extentsRead, bytesRead } = result
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
