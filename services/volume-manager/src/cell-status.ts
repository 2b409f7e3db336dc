/** What an operator wants to see of the cell, as the zone master and `kura status` get it. */
import { REPLICA_COUNT, type DiskUuid, type Volume } from '@kura/core'
import type { DamageReport } from '@kura/proto'
import type { Cell } from './cell.ts'
import { encodeDisk } from './map-messages.ts'

/** Entries of a list in one status; the count beside it is exact. */
const LISTED_MAX = 100

export function describeCell(cell: Cell) {
  const { table, view, config, alarms } = cell
  const counts = table.volumes.countByState()
  const missing = listUnderReplicated(cell)
  const damages = listDamages(cell)
  return {
    cellId: config.cellId,
    epoch: BigInt(table.epoch),
    leading: true,
    incarnation: table.transactions.incarnation,
    version: BigInt(table.version),
    disks: view.infos().map(encodeDisk),
    openVolumes: BigInt(counts.open),
    closingVolumes: BigInt(counts.closing),
    closedVolumes: BigInt(counts.closed),
    underReplicated: missing.listed,
    underReplicatedCount: BigInt(missing.count),
    damages: damages.listed,
    damageCount: BigInt(damages.count),
    alarms: [...alarms.list()],
  }
}

/** Short of copies in the table, or of copies that count, as repair sees it. */
function listUnderReplicated(cell: Cell) {
  const { volumes } = cell.table
  const dead = new Set(cell.evidence.lostDisks())
  const short = volumes.underReplicated({ limit: LISTED_MAX })
  const silent = volumes.wholeOnDisks([...dead], { limit: LISTED_MAX })
  const listed = [...short, ...silent.volumes].slice(0, LISTED_MAX)
  return {
    count: volumes.underReplicatedCount() + silent.count,
    listed: listed.map((volume) => encodeShort(volume, dead)),
  }
}

function encodeShort(volume: Volume, dead: ReadonlySet<DiskUuid>) {
  const copies = volume.extents.filter(
    ({ state, diskUuid }) => state === 'in-force' && !dead.has(diskUuid),
  )
  return {
    volumeId: BigInt(volume.volumeId),
    bucketId: BigInt(volume.bucketId),
    copiesInForce: copies.length,
    copiesWanted: REPLICA_COUNT,
  }
}

function listDamages({ view }: Cell) {
  const listed: DamageReport[] = []
  let count = 0
  for (const diskUuid of view.diskUuids) {
    const heartbeat = view.heartbeat(diskUuid)
    if (heartbeat === undefined) continue
    count += heartbeat.damageCount
    for (const damage of heartbeat.damages) listed.push({ ...damage, diskUuid })
  }
  listed.sort((one, other) => other.foundAtMs - one.foundAtMs)
  return { count, listed: listed.slice(0, LISTED_MAX) }
}
