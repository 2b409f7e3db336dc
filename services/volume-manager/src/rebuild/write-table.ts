/** Writes a planned table into a new database. Durable: all of it, when it returns. */
import type { DiskUuid, Incarnation } from '@kura/core'
import type { KuraDatabase } from '@kura/database'
import type { DiskRecord } from '../store/disk-rows.ts'
import { countInForce, type PlannedVolume } from './plan-table.ts'

/** Volumes of one transaction. */
const VOLUMES_MAX = 1_000
/** Every row of a rebuilt table changed last in its first version. */
const FIRST_VERSION = 1

export interface TableContents {
  /** The first leader's is one above. */
  readonly epoch: number
  /** Undefined: the first one seen is trusted. */
  readonly trustedIndex: Incarnation | undefined
  readonly disks: readonly DiskRecord[]
  readonly volumes: readonly PlannedVolume[]
}

/** Whoever worked on a volume starts anew. */
const NO_ORDER = 0

export function writeTable(database: KuraDatabase, contents: TableContents): void {
  const { epoch, trustedIndex, disks, volumes } = contents
  const setState = database.prepare(
    `update cell_state set epoch = ?, version = ?, index_incarnation_number = ?,
       index_incarnation_random = ? where id = 1`,
  )
  const insertDisk = database.prepare('insert into disks values (?, ?, ?, ?, ?, ?, ?)')
  database.transaction(() => {
    const { number = null, random = null } = trustedIndex ?? {}
    setState.run(epoch, FIRST_VERSION, number, random)
    for (const { diskUuid, osdId, domains, state } of disks) {
      const { rack, power, vendor, firmware } = domains
      insertDisk.run(diskUuid, osdId, rack, power, vendor, firmware, state)
    }
  })
  const knownDisks = new Set(disks.map(({ diskUuid }) => diskUuid))
  for (let at = 0; at < volumes.length; at += VOLUMES_MAX) {
    writeVolumes(database, volumes.slice(at, at + VOLUMES_MAX), knownDisks)
  }
}

function writeVolumes(
  database: KuraDatabase,
  volumes: readonly PlannedVolume[],
  knownDisks: ReadonlySet<DiskUuid>,
): void {
  const insertVolume = database.prepare(
    'insert into volumes values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const insertExtent = database.prepare('insert into extents values (?, ?, ?, ?, ?, ?)')
  database.transaction(() => {
    for (const volume of volumes) {
      const { volumeId, bucketId, state, generation, salt, capacityBytes } = volume
      const { digest, recordCount } = volume
      const extents = volume.extents.filter(({ diskUuid }) => knownDisks.has(diskUuid))
      insertVolume.run(
        ...[volumeId, bucketId, state, generation, salt, capacityBytes, digest, recordCount],
        ...[countInForce(extents), NO_ORDER, 'rebuilt', FIRST_VERSION],
      )
      for (const { extentId, diskUuid, state: extentState, lengthBytes, orderId } of extents) {
        const order = orderId ?? volumeId
        insertExtent.run(extentId, volumeId, diskUuid, extentState, lengthBytes, order)
      }
    }
  })
}
