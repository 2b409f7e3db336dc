/** What every handler is given. */
import type { PocketId, Random, ZoneId } from '@kura/core'
import type { AddressBook } from '@kura/coordination'
import type { ZoneMaster } from '@kura/proto'
import type { CallContext, RpcHandlers, RpcNetwork } from '@kura/rpc'
import type { Logger } from '@kura/runtime'
import type { LeaderTerm } from '../leader-term.ts'
import type { Peers } from '../peers.ts'
import type { AuditEntry } from '../store/audit-log.ts'

export type ZoneMasterHandlers = RpcHandlers<typeof ZoneMaster>

export interface HandlerParts {
  readonly pocket: PocketId
  readonly zone: ZoneId
  /** The term of this leader; throws `not-leader` on a standby. */
  readonly term: () => LeaderTerm
  readonly nowMs: () => number
  readonly random: Random
  readonly peers: Peers
  readonly rpc: RpcNetwork
  readonly addressBook: AddressBook
  readonly logger: Logger
}

/** Who is noted in the audit log for a call. */
export function auditedCaller(context: CallContext): Pick<AuditEntry, 'actor' | 'requestId'> {
  const { caller, requestId } = context
  return { actor: `${caller.kind} ${caller.id}`, requestId }
}
