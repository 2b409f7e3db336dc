/**
 * From how large a set gets choose, so that they do not measure a cache of ours.
 *
 * Caches of block bytes that a zone has at default settings: none. Frontends and storage nodes read
 * into slabs that are given back with the answer, and keep nothing of a block after it. Who adds
 * such a cache adds its size to `BLOCK_CACHES`, all instances of a zone together. The set is four
 * times their sum, and never less than 512 MiB.
 *
 * What is not exceeded, since it cannot be in the time of a row:
 * - The record indexes of sealed extents, 64 MiB in each storage node at 64 bytes a record: four
 *   times that of one node are 4 million records. Extents that are open or were sealed in the row
 *   keep their index in memory in any case; those are tables and no cache, also in production.
 * - The pages of the block index, 32 MiB: some 270,000 rows of 121 bytes. The part `micro` has rows
 *   of its own for lookups in an index of a million, and `special` for puts.
 * - The page cache of the machine is not ours and has no fixed size. Gets read sealed and open
 *   extents through it; blocks that were put a moment ago by direct writes are not in it until
 *   they are read once. The same holds for who is compared with us.
 *
 * Where small blocks are stored too slowly to fill the set in the time that a row has, the row says
 * so: `setMib` is what there was, `setWantedMib` what the rule asks for.
 */
import { MIB } from '@kura/core'

const BLOCK_CACHES: Readonly<Record<string, number>> = {}

const CACHE_FACTOR = 4
const SET_BYTES_MIN = 512 * MIB

export const GET_SET_BYTES = planGetSetBytes(BLOCK_CACHES)

/** `caches` are sizes in bytes by name. */
export function planGetSetBytes(caches: Readonly<Record<string, number>>): number {
  const sumBytes = Object.values(caches).reduce((sum, bytes) => sum + bytes, 0)
  return Math.max(SET_BYTES_MIN, CACHE_FACTOR * sumBytes)
}
