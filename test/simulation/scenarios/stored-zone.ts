/**
 * What the media of a simulated zone hold at one moment: the two databases as the next process
 * would find them, and the raw disks, read by the checker that shares no code with their writer.
 */
import Database from 'better-sqlite3'
import { assert } from '@kura/core'
import { checkExtent } from '@kura/extent-check'
import type { SimulatedZone } from '../zone/simulated-zone.ts'

export interface StoredVolume {
  readonly volumeId: number
  readonly bucketId: number
  readonly state: string
  readonly digest: string
  readonly recordCount: number
  readonly generation: number
  /** 0 without one. */
  readonly orderId: number
  readonly closeReason: string
  readonly extents: readonly StoredExtent[]
}

export interface StoredExtent {
  readonly extentId: number
  readonly volumeId: number
  /** The number of the node that had its disk when the table heard of it last. */
  readonly node: number
  readonly state: string
}

export interface StoredState {
  readonly epoch: number
  readonly version: number
}

/** In ascending order of their ids. */
export function readVolumes(zone: SimulatedZone): readonly StoredVolume[] {
  return withImage(zone, tablePath(zone), (database) => {
    const extents = database
      .prepare<[], StoredExtent>(
        `select extent_id as extentId, volume_id as volumeId, osd_id as node, extents.state
         from extents join disks using (disk_uuid) order by extent_id`,
      )
      .all()
    const byVolume = Map.groupBy(extents, ({ volumeId }) => volumeId)
    return database
      .prepare<[], Omit<StoredVolume, 'extents'>>(
        `select volume_id as volumeId, bucket_id as bucketId, state, digest, generation,
           record_count as recordCount, order_id as orderId, close_reason as closeReason
         from volumes order by volume_id`,
      )
      .all()
      .map((row) => ({ ...row, extents: byVolume.get(row.volumeId) ?? [] }))
  })
}

export function readState(zone: SimulatedZone): StoredState {
  return withImage(zone, tablePath(zone), (database) => {
    const state = database
      .prepare<[], StoredState>('select epoch, version from cell_state where id = 1')
      .get()
    assert(state !== undefined, 'a table has a state from its genesis on')
    return state
  })
}

/** The bucket that the live row of a block names; undefined where it has none. */
export function readBucketOf(zone: SimulatedZone, hash: Buffer): number | undefined {
  return withImage(zone, indexPath(zone), (database) => {
    const row = database
      .prepare<[Buffer], { bucketId: number }>(
        `select bucket_id as bucketId from blocks
         where hash = ? and last_put_ms > deleted_up_to_ms`,
      )
      .get(hash)
    return row?.bucketId
  })
}

/** The names of all extents in the place of extents on the disk of a node. */
export function readExtentIds(zone: SimulatedZone, node: number): readonly number[] {
  return zone
    .disk(node)
    .image.filePaths()
    .map((path) => /^extents\/([0-9]+)\.extent$/.exec(path)?.[1])
    .filter((id) => id !== undefined)
    .map(Number)
}

/** The copies that count. */
export function inForce({ extents }: Pick<StoredVolume, 'extents'>) {
  return extents.filter(({ state }) => state === 'in-force')
}

/** On three disks, each with exactly what the table says. */
export async function expectThreeCopies(zone: SimulatedZone, volume: StoredVolume): Promise<void> {
  const { volumeId, recordCount } = volume
  const copies = inForce(volume)
  const nodes = new Set(copies.map(({ node }) => node))
  assert(nodes.size === 3, `volume ${volumeId} is on three disks: ${[...nodes].join(', ')}`)
  for (const copy of copies) {
    const { state, damageCount, footer, hashes } = await checkStoredExtent(zone, copy)
    const what = `copy ${copy.extentId} of volume ${volumeId}`
    assert(state === 'sealed' && damageCount === 0, `${what} is sealed and whole: ${state}`)
    assert(footer?.digest === volume.digest, `${what} has the digest of the table`)
    assert(hashes.size === recordCount, `${what} has ${hashes.size} of ${recordCount} records`)
  }
}

/** The hashes of whole, right records, and what else the independent checker says. */
async function checkStoredExtent(zone: SimulatedZone, extent: StoredExtent) {
  const path = `extents/${extent.extentId}.extent`
  const content = zone.disk(extent.node).image.mediumContent(path)
  const hashes = new Set<string>()
  const check = await checkExtent(
    {
      sizeBytes: content.length,
      read: async (target, offsetBytes) => {
        const part = content.subarray(offsetBytes, offsetBytes + target.length)
        target.set(part)
        return await Promise.resolve(part.length)
      },
    },
    {
      onRecord: ({ hash }, faults) => {
        if (faults.length === 0) hashes.add(hash)
      },
    },
  )
  return { ...check, hashes }
}

export function tablePath({ configs }: SimulatedZone): string {
  return `${configs.manager(1).dataDir}/replication-table.sqlite`
}

export function indexPath({ configs }: SimulatedZone): string {
  return `${configs.index().dataDir}/block-index.sqlite`
}

function withImage<T>(
  zone: SimulatedZone,
  path: string,
  read: (database: Database.Database) => T,
): T {
  const image = zone.databases.image(path)
  assert(image !== undefined, `the zone has a database ${path}`)
  const database = new Database(image)
  try {
    return read(database)
  } finally {
    database.close()
  }
}
