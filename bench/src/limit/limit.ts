/**
 * What this machine could do if the store did nothing but what it cannot leave out. The formulas
 * stay as they are when the data path changes: they are what it is held against.
 */

/** Processor seconds for one block, user and system, on all threads of all processes that do it. */
export interface Primitives {
  readonly sha256: number
  readonly crc32: number
  /** One TCP connection on loopback, sending and receiving. */
  readonly hop: number
  readonly directWrite: number
  readonly directRead: number
}

/**
 * Blocks a second. The client and the frontend hash; the client and each of three storage nodes sum
 * up; the bytes go from the client to the frontend and from there to three nodes, which write.
 */
export function limitOfPuts(
  { sha256, crc32, hop, directWrite }: Primitives,
  cores: number,
): number {
  return cores / (2 * sha256 + 4 * crc32 + 4 * hop + 3 * directWrite)
}

/**
 * Blocks a second through the client library. The storage node reads and sums up, the frontend sums
 * up once more before the first byte leaves, the client hashes; two hops.
 */
export function limitOfGets({ sha256, crc32, hop, directRead }: Primitives, cores: number): number {
  return cores / (sha256 + 2 * crc32 + 2 * hop + directRead)
}
