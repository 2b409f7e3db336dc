/**
 * How much the suites of `npm test` try, at least. Each suite is held to its figure, and
 * test/README.md shows this list: what it says was counted.
 */
export const PROMISED_COUNTS = {
  'crash states': { atLeast: 7_500, of: 'disks that a power cut may leave of a short life' },
  'starts cut short': {
    atLeast: 8_500,
    of: 'disks that a second power cut, in a start, may leave',
  },
  'failed I/O of a store': { atLeast: 550, of: 'I/Os of an extent store that failed, one each' },
  'failed syncs of a disk': { atLeast: 11, of: 'syncs of the real disk that failed, one each' },
  'failed calls of a database': {
    atLeast: 500,
    of: 'system calls that failed, one each, for each of the three databases',
  },
  'power cuts of a database': {
    atLeast: 1_300,
    of: 'replayed power cuts, for each of the three databases',
  },
  'lives of a store': {
    atLeast: 60,
    of: 'random lives of an extent store, with and without faults',
  },
  'lives of a database': { atLeast: 25, of: 'random lives of each of the three databases' },
  'executions of a decoder': { atLeast: 20_000, of: 'fuzzed inputs of each decoder' },
  'kills of a service': {
    atLeast: 2,
    of: 'SIGKILLs under load of each of five services, and of all of them at once',
  },
  'kills at a mark': {
    atLeast: 1,
    of: 'SIGKILLs of a storage node and of the block index at each of their marks',
  },
  'power cuts of a disk': {
    atLeast: 15,
    of: 'real power cuts of ext4 and XFS, each on a file and on a disk with a cache',
  },
} as const

export type PromisedCount = keyof typeof PROMISED_COUNTS

export function promisedCount(name: PromisedCount): number {
  return PROMISED_COUNTS[name].atLeast
}
