/** The SQL over volumes and their extents, prepared once per connection. */
import type { Statement } from '@kura/database'
import type { TableTransactions } from './table-transactions.ts'
import type { ExtentRow, VolumeRow } from './volume-row-parser.ts'

/** Volumes with a copy in force on a disk, by state and by the copies left without it. */
export interface DiskLossRow {
  readonly state: string
  readonly copiesLeft: number
  readonly volumeCount: number
  readonly bytes: number
}

export function prepareVolumeStatements({ database }: TableTransactions) {
  const volumes = (rest: string): Statement<VolumeRow> =>
    database.prepare(`select volumes.* from volumes ${rest}`)
  const whole = `state = 'closed' and copies_in_force >= 3 and volume_id in (
    select volume_id from extents
    where state = 'in-force' and disk_uuid in (select value from json_each(?)))`
  const lost = 'select value from json_each(@lost)'
  const unsound = 'select value from json_each(@unsound)'
  const wholeCount = `(select count(*) from extents where extents.volume_id = volumes.volume_id
    and extents.state = 'in-force'
    and disk_uuid not in (${lost}) and extent_id not in (${unsound}))`
  const needy = `where state = 'closed' and order_id = 0
    and volume_id not in (select value from json_each(@except)) and volume_id in (
      select volume_id from extents where state = 'in-force' and disk_uuid in (${lost})
      union select volume_id from extents where state = 'in-force' and extent_id in (${unsound})
      union select volume_id from volumes where state = 'closed' and copies_in_force < 3
      union select value from json_each(@differing))
    order by ${wholeCount} = 0, ${wholeCount}, volume_id limit @limit`
  return {
    byId: volumes('where volume_id = ?'),
    byBucket: volumes('where bucket_id = ?'),
    byExtent: volumes('join extents using (volume_id) where extents.extent_id = ?'),
    alive: volumes(`where state in ('creating', 'open', 'closing') order by volume_id`),
    changed: volumes('where changed_version > ? order by changed_version limit ?'),
    page: volumes(`where bucket_id > ? and state <> 'retired' order by bucket_id limit ?`),
    underReplicated: volumes(`where state = 'closed' and copies_in_force < 3 limit ?`),
    needingRepair: volumes(needy),
    ordered: volumes(`where state = 'closed' and order_id <> 0 order by volume_id`),
    onDisk: volumes(`where volume_id in (
      select volume_id from extents where disk_uuid = ? and state = ?) order by volume_id`),
    count: database.prepare<{ state: string; count: number }>(
      'select state, count(*) as count from volumes group by state',
    ),
    underReplicatedCount: database.prepare<{ count: number }>(
      `select count(*) as count from volumes where state = 'closed' and copies_in_force < 3`,
    ),
    wholeOnDisks: volumes(`where ${whole} order by volume_id limit ?`),
    wholeOnDisksCount: database.prepare<{ count: number }>(
      `select count(*) as count from volumes where ${whole}`,
    ),
    lossOfDisk: database.prepare<DiskLossRow>(
      `select state, copies_left as copiesLeft, count(*) as volumeCount, sum(bytes) as bytes from (
         select volumes.state as state, extents.length_bytes as bytes,
           (select count(*) from extents as others where others.volume_id = volumes.volume_id
              and others.state = 'in-force' and others.extent_id <> extents.extent_id
              and others.disk_uuid not in (select value from json_each(@gone))) as copies_left
         from extents join volumes using (volume_id)
         where extents.disk_uuid = @diskUuid and extents.state = 'in-force')
       group by state, copies_left order by copies_left, state`,
    ),
    knowsExtent: database.prepare<{ one: number }>(
      'select 1 as one from extents where extent_id = ?',
    ),
    extents: database.prepare<ExtentRow>(
      'select * from extents where volume_id = ? order by extent_id',
    ),
    insert: database.prepare(
      `insert into volumes values (@volumeId, @bucketId, 'creating', 1, @salt, @capacityBytes,
         '', 0, 0, @orderId, '', @version)`,
    ),
    insertExtent: database.prepare(`insert into extents values (?, ?, ?, 'building', 0, ?)`),
    setState: database.prepare(
      'update volumes set state = ?, order_id = 0, changed_version = ? where volume_id = ?',
    ),
    setReason: database.prepare('update volumes set close_reason = ? where volume_id = ?'),
    setDigest: database.prepare(
      `update volumes set digest = ?, record_count = ?, copies_in_force = ? where volume_id = ?`,
    ),
    setCopies: database.prepare('update volumes set copies_in_force = ? where volume_id = ?'),
    countCopies: database.prepare(
      `update volumes set copies_in_force =
         (select count(*) from extents where volume_id = ? and state = 'in-force')
       where volume_id = ?`,
    ),
    setOrder: database.prepare('update volumes set order_id = ? where volume_id = ?'),
    raiseGeneration: database.prepare(
      'update volumes set generation = generation + 1 where volume_id = ?',
    ),
    touch: database.prepare('update volumes set changed_version = ? where volume_id = ?'),
    setExtent: database.prepare(
      'update extents set state = ?, length_bytes = ? where extent_id = ? and volume_id = ?',
    ),
    setExtentState: database.prepare(
      'update extents set state = ? where extent_id = ? and volume_id = ?',
    ),
    setExtentStates: database.prepare(
      'update extents set state = ? where volume_id = ? and state = ?',
    ),
  }
}
