import type { Migration } from '@kura/database'

/**
 * - `leadership`: the epoch. Whoever leads has raised it, and writes only while it is the same.
 * - `zone_map`: the version of what frontends watch.
 * - `cells`, `nodes`, `disks`: who belongs to the zone, what fails together, life-cycle states.
 * - `audit_log`: what operators did and what the registry changed by itself. Never edited.
 */
export const firstSchema: Migration = {
  number: 1,
  name: 'first schema',
  sql: `
    create table leadership (
      id integer primary key check (id = 1),
      epoch integer not null check (epoch >= 0)
    ) strict;
    insert into leadership values (1, 0);

    create table zone_map (
      id integer primary key check (id = 1),
      version integer not null check (version >= 1)
    ) strict;
    insert into zone_map values (1, 1);

    create table cells (
      cell_id integer primary key check (cell_id between 1 and 1023),
      weight integer not null check (weight between 0 and 1000),
      registered_at_ms integer not null
    ) strict;

    create table nodes (
      cell_id integer not null references cells,
      osd_id integer not null check (osd_id between 1 and 1023),
      registered_at_ms integer not null,
      primary key (cell_id, osd_id)
    ) strict, without rowid;

    create table disks (
      disk_uuid text primary key check (length(disk_uuid) = 36),
      cell_id integer not null,
      osd_id integer not null,
      rack text not null,
      power text not null,
      vendor text not null,
      firmware text not null,
      state text not null
        check (state in ('joining', 'in-service', 'suspect', 'draining', 'out')),
      registered_at_ms integer not null,
      readmitted_at_ms integer,
      foreign key (cell_id, osd_id) references nodes
    ) strict, without rowid;

    create table audit_log (
      entry_id integer primary key autoincrement,
      at_ms integer not null,
      epoch integer not null,
      actor text not null,
      request_id text not null,
      operation text not null,
      subject text not null,
      outcome text not null,
      details text not null check (json_valid(details))
    ) strict;
  `,
}
