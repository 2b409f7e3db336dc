/** What the reader of the end heard of the blocks that must be there. */
import type { CellStatus } from '@kura/proto'
import type { EndViolation } from './end-violation.ts'
import { describeEntry, keysThatStand, type History, type HistoryEntry } from './history.ts'

/** Everything that anybody was told is there comes back through every frontend. */
export function findLost(history: History, reader: number): EndViolation | undefined {
  const lost = firstUnread(history, reader)
  return lost && { kind: 'lost', message: describeEntry(lost), key: lost.key }
}

type Told = Pick<
  CellStatus,
  'disks' | 'closingVolumes' | 'underReplicatedCount' | 'damageCount' | 'alarms'
>

/**
 * After more than three copies survive a block may be gone, but not in silence. The reader is told
 * an error, never that there is no such block, which `findHistoryViolation` sees to; and whoever
 * looks at the cell sees that something is wrong with it.
 */
export function findUntoldLoss(
  history: History,
  reader: number,
  status: Told | undefined,
): EndViolation | undefined {
  const lost = firstUnread(history, reader)
  if (lost === undefined || (status !== undefined && tellsTrouble(status))) return undefined
  const message = `nothing in the status of the cell tells of this: ${describeEntry(lost)}`
  return { kind: 'untold', message, key: lost.key }
}

function firstUnread(history: History, reader: number): HistoryEntry | undefined {
  const standing = new Set(keysThatStand(history))
  return history.find(({ client, key, outcome }) => {
    return client === reader && standing.has(key) && outcome !== 'ok'
  })
}

function tellsTrouble(status: Told): boolean {
  const { disks, closingVolumes, underReplicatedCount, damageCount, alarms } = status
  if (alarms.length > 0 || closingVolumes + underReplicatedCount + damageCount > 0n) return true
  return disks.some(({ state, reachable }) => state !== 'in-service' || !reachable)
}
