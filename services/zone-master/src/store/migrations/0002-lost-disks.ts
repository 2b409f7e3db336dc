import type { Migration } from '@kura/database'

/** A disk may be `lost`. A check cannot be altered, so the table is made anew. */
export const lostDisks: Migration = {
  number: 2,
  name: 'lost disks',
  sql: `
    create temporary table disks_before as select * from disks;
    drop table disks;
    create table disks (
      disk_uuid text primary key check (length(disk_uuid) = 36),
      cell_id integer not null,
      osd_id integer not null,
      rack text not null,
      power text not null,
      vendor text not null,
      firmware text not null,
      state text not null
        check (state in ('joining', 'in-service', 'suspect', 'draining', 'lost', 'out')),
      registered_at_ms integer not null,
      readmitted_at_ms integer,
      foreign key (cell_id, osd_id) references nodes
    ) strict, without rowid;
    insert into disks select * from disks_before;
    drop table disks_before;
  `,
}
