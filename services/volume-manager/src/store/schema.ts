/**
 * The replication table: the only authority on where the buckets of a cell are. Published
 * migrations are never edited; a change is a new one.
 *
 * `changed_version` of a volume is the map version of the transaction that wrote it last,
 * so that "what changed since version v" is a query and survives every restart.
 */
import type { Migration } from '@kura/database'

const FIRST_TABLES = `
  create table cell_state (
    id integer primary key check (id = 1),
    epoch integer not null,
    version integer not null,
    next_counter integer not null,
    index_incarnation_number integer,
    index_incarnation_random text
  ) strict;
  insert into cell_state (id, epoch, version, next_counter) values (1, 0, 0, 1);

  create table disks (
    disk_uuid text primary key,
    osd_id integer not null,
    rack text not null,
    power text not null,
    vendor text not null,
    firmware text not null,
    state text not null check (state in ('joining', 'in-service', 'suspect', 'draining', 'out'))
  ) strict, without rowid;

  create table volumes (
    volume_id integer primary key,
    bucket_id integer not null unique,
    state text not null check (state in ('creating', 'open', 'closing', 'closed', 'retired')),
    generation integer not null,
    salt text not null check (length(salt) = 16),
    capacity_bytes integer not null,
    digest text not null,
    record_count integer not null,
    copies_in_force integer not null,
    order_id integer not null,
    close_reason text not null,
    changed_version integer not null
  ) strict;
  create index volumes_by_change on volumes (changed_version);
  create index volumes_alive on volumes (state) where state in ('creating', 'open', 'closing');
  create index volumes_under_replicated on volumes (volume_id)
    where state = 'closed' and copies_in_force < 3;

  create table extents (
    extent_id integer primary key,
    volume_id integer not null references volumes (volume_id),
    disk_uuid text not null references disks (disk_uuid),
    state text not null check (state in ('building', 'in-force', 'source', 'retired')),
    length_bytes integer not null,
    order_id integer not null
  ) strict;
  create index extents_by_volume on extents (volume_id);
  create index extents_by_disk on extents (disk_uuid, state);
`

/**
 * An order is on a volume from its begin to its commit or cancel; before, the birth's stayed for
 * ever. Repair asks for volumes by their copies.
 */
const ORDERS_OF_VOLUMES = `
  update volumes set order_id = 0 where state <> 'creating';
  create index volumes_ordered on volumes (volume_id) where state = 'closed' and order_id <> 0;
`

/**
 * A disk may be `lost`. A check cannot be altered, so the table is made anew; what extents refer to
 * is there again before the transaction ends.
 */
const LOST_DISKS = `
  pragma defer_foreign_keys = on;
  create temporary table disks_before as select * from disks;
  drop table disks;
  create table disks (
    disk_uuid text primary key,
    osd_id integer not null,
    rack text not null,
    power text not null,
    vendor text not null,
    firmware text not null,
    state text not null
      check (state in ('joining', 'in-service', 'suspect', 'draining', 'lost', 'out'))
  ) strict, without rowid;
  insert into disks select * from disks_before;
  drop table disks_before;
`

export const MIGRATIONS: readonly Migration[] = [
  { number: 1, name: 'first tables', sql: FIRST_TABLES },
  { number: 2, name: 'orders of volumes', sql: ORDERS_OF_VOLUMES },
  { number: 3, name: 'lost disks', sql: LOST_DISKS },
]
