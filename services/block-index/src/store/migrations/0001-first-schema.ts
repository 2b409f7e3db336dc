import type { Migration } from '@kura/database'

const PARTITION_ROWS = Array.from({ length: 16 }, (_, partition) => `(${partition}, 0, 0)`)

/**
 * - `blocks`: the rows. No index by bucket: who needs all rows of a bucket walks its record list.
 *   The second index is the feed.
 * - `gates`: may rows still join this bucket? No row means no.
 * - `partitions`: the feed's position counters, and how many rows there are.
 * - `origins`: zones and incarnations that took puts, numbered, because they are few and long.
 */
export const firstSchema: Migration = {
  number: 1,
  name: 'first schema',
  sql: `
    create table origins (
      origin_id integer primary key,
      zone text not null,
      incarnation_number integer not null,
      incarnation_random text not null,
      unique (zone, incarnation_number, incarnation_random)
    ) strict;

    create table blocks (
      hash blob primary key check (length(hash) = 32),
      bucket_id integer not null check (bucket_id >= 0),
      size_bytes integer not null check (size_bytes between 0 and 4194304),
      plain_crc integer not null check (plain_crc between 0 and 4294967295),
      last_put_ms integer not null,
      deleted_up_to_ms integer not null,
      partition integer not null,
      position integer not null check (position > 0),
      origin_id integer not null references origins
    ) strict, without rowid;

    create unique index blocks_feed on blocks (partition, position);

    create table gates (
      bucket_id integer primary key check (bucket_id > 0),
      state text not null check (state in ('open', 'closed'))
    ) strict;

    create table partitions (
      partition integer primary key check (partition between 0 and 15),
      position integer not null,
      row_count integer not null
    ) strict;

    insert into partitions (partition, position, row_count) values ${PARTITION_ROWS.join(', ')};
  `,
}
