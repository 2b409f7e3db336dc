import { KuraError } from '@kura/core'
import type { DiskLoss } from '@kura/proto'
import type { CallContext } from '@kura/rpc'
import { DISK_LOSS_TIMEOUT_MS } from '../limits.ts'
import type { AuditEntry } from '../store/audit-log.ts'
import type { RegisteredDisk } from '../store/disk-table.ts'
import { findDisk } from '../find-disk.ts'
import { auditedCaller, type HandlerParts, type ZoneMasterHandlers } from './handler.ts'

/**
 * What the loss of a disk means by its cell's table; with `apply` an operator's word that it does
 * not come back. The cell hears of it with its next report and has the word in its own table, too.
 * Only a verification takes it back. Durable with `apply`: the state and an audit entry.
 */
export function declareDiskLost(parts: HandlerParts): ZoneMasterHandlers['declareDiskLost'] {
  return async (request, context) => {
    const term = parts.term()
    const disk = findDisk(term, request.diskUuid)
    assertNotLost(disk)
    const loss = await describeLoss(parts, disk, context)
    if (!request.apply) return loss
    if (loss.disk?.reachable !== false && !request.evenThoughAlive) refuseAlive(disk)
    const entry: AuditEntry = {
      ...auditedCaller(context),
      operation: 'declare-disk-lost',
      subject: disk.diskUuid,
      outcome: 'done',
      details: summarise(loss, disk),
    }
    term.change((registry) => registry.loseDisk(disk.diskUuid, entry))
    parts.logger.info({ diskUuid: disk.diskUuid, ...entry.details }, 'disk declared lost')
    return loss
  }
}

function assertNotLost({ diskUuid, state }: RegisteredDisk): void {
  if (state !== 'lost') return
  throw new KuraError('state-conflict', 'the disk is declared lost already', {
    details: { diskUuid },
    hint: 'kura disk verify brings it back once its storage node runs',
  })
}

/** A slip of the finger would cost the zone a healthy disk and a great deal of copying. */
function refuseAlive({ diskUuid }: RegisteredDisk): never {
  throw new KuraError('state-conflict', 'the disk is alive: its volume manager reaches it', {
    details: { diskUuid },
    hint: 'a dead disk is out of reach after seconds; --even-though-alive gives a live one up',
  })
}

async function describeLoss(
  parts: HandlerParts,
  { cellId, diskUuid }: RegisteredDisk,
  { requestId, signal }: CallContext,
): Promise<DiskLoss> {
  const options = { requestId, signal, timeoutMs: DISK_LOSS_TIMEOUT_MS }
  return await parts.peers.volumeManager(cellId).describeDiskLoss({ diskUuid }, options)
}

function summarise(loss: DiskLoss, before: RegisteredDisk): AuditEntry['details'] {
  const withoutCopy = loss.volumesLeft.find(({ copiesLeft }) => copiesLeft === 0)
  return {
    before: before.state,
    reachable: loss.disk?.reachable !== false,
    copyCount: Number(loss.openCopies + loss.closingCopies + loss.closedCopies),
    volumesWithoutCopy: Number(withoutCopy?.volumes ?? 0n),
  }
}
