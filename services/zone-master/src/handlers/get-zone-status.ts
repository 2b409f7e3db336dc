import type { Member, MemberKind } from '@kura/core'
import type { CallContext, RpcNetwork } from '@kura/rpc'
import type { LeaderTerm } from '../leader-term.ts'
import { CELL_REPORT_LATE_MS, STATUS_TIMEOUT_MS } from '../limits.ts'
import type { RegisteredDisk } from '../store/disk-table.ts'
import type { HandlerParts, ZoneMasterHandlers } from './handler.ts'

const KINDS: readonly MemberKind[] = [
  'frontend',
  'block-index',
  'zone-master',
  'volume-manager',
  'storage-node',
]

/** The zone at a glance. Every question to another process has a short deadline: it never hangs. */
export function getZoneStatus(parts: HandlerParts): ZoneMasterHandlers['getZoneStatus'] {
  return async (_request, context) => {
    const term = parts.term()
    const { version, cells: weights } = term.registry.zoneMap()
    const [index, services] = await Promise.all([askIndex(parts, context), askServices(parts)])
    // Reports may have come meanwhile, or the term may have ended.
    term.assertOngoing()
    return {
      pocket: parts.pocket,
      zone: parts.zone,
      version: BigInt(version),
      epoch: BigInt(term.registry.epoch),
      weights: [...weights],
      cells: [...reportedCells(term), ...silentCells(term)],
      services,
      ...index,
    }
  }
}

async function askIndex(parts: HandlerParts, context: CallContext) {
  const { requestId, signal } = context
  try {
    const client = parts.peers.blockIndex()
    const options = { requestId, signal, timeoutMs: STATUS_TIMEOUT_MS }
    const { rowCount } = await client.getIndexStatus({}, options)
    return { indexRowCount: rowCount, indexReachable: true }
  } catch (error) {
    parts.logger.debug({ err: error, requestId }, 'the block index did not answer')
    return { indexRowCount: 0n, indexReachable: false }
  }
}

async function askServices(parts: HandlerParts) {
  const listings = await Promise.all(KINDS.map((kind) => listMembers(parts, kind)))
  return await Promise.all(listings.flat().map((member) => askService(parts.rpc, member)))
}

async function listMembers(parts: HandlerParts, kind: MemberKind): Promise<readonly Member[]> {
  try {
    return await parts.addressBook.members(kind)
  } catch (error) {
    parts.logger.warn({ err: error, kind }, 'members could not be listed')
    return []
  }
}

/** A member file outlives a killed process, so that somebody must answer at the address. */
async function askService(rpc: RpcNetwork, { kind, id, addresses }: Member) {
  const address = addresses['rpc'] ?? addresses['http'] ?? addresses['block']
  const reachable =
    address !== undefined && (await rpc.canConnect(address, { timeoutMs: STATUS_TIMEOUT_MS }))
  return { kind, id, reachable, addresses: { ...addresses } }
}

function reportedCells(term: LeaderTerm) {
  return term.reports.all().map(({ status, alarms, ageMs }) => ({
    status: {
      ...status,
      alarms: [...status.alarms, ...alarms, ...lateAlarm(status.cellId, ageMs)],
    },
    ageMs: BigInt(Math.round(ageMs)),
  }))
}

/** Cells of the registry that this leader has not heard: what is known durably. */
function silentCells(term: LeaderTerm) {
  const heard = new Set(term.reports.all().map(({ status }) => status.cellId))
  const ageMs = term.ageMs
  const cells = term.registry.zoneMap().cells.filter(({ cellId }) => !heard.has(cellId))
  return cells.map(({ cellId }) => {
    const disks = term.registry.disks().filter((disk) => disk.cellId === cellId)
    return {
      status: { cellId, disks: disks.map(encodeSilentDisk), alarms: lateAlarm(cellId, ageMs) },
      ageMs: BigInt(Math.round(ageMs)),
    }
  })
}

function encodeSilentDisk({ diskUuid, osdId, domains, state }: RegisteredDisk) {
  return { diskUuid, osdId, domains, state, reachable: false }
}

function lateAlarm(cellId: number, ageMs: number): string[] {
  if (ageMs < CELL_REPORT_LATE_MS) return []
  const seconds = Math.round(ageMs / 1000)
  return [`The volume manager of cell ${cellId} has not reported for ${seconds} s.`]
}
