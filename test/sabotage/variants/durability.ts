/** Acknowledged means durable: what may be skipped, hurried or forgiven on the way to an answer. */
import type { Variant } from '../variant.ts'

const EXTENT = 'packages/extent/src'
const DATABASE = 'packages/database/src'
const INDEX = 'services/block-index/src/store'
const FRONTEND = 'services/frontend/src'

/**
 * Five of six cuts come into puts, of which every one that was answered without a sync in the last
 * five seconds is lost: the first cut catches it, the others are for luck.
 */
const CUTS_OF_PUTS = 6
/** One of six comes right behind the order for an extent; a second one for luck. */
const CUTS_OF_ORDERS = 12

export const DURABILITY_VARIANTS: readonly Variant[] = [
  {
    name: 'skip-the-sync',
    what: 'an append, a seal, a recovery are answered without a sync',
    edits: [
      {
        file: `${EXTENT}/disk-health.ts`,
        fragment: 'await file.sync()',
        replacement: 'await file.sizeBytes()',
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/crash-points.test.ts`,
        test: 'loses nothing that was answered (power cut)',
        says: /the disk has no such extent/,
      },
      {
        file: `${EXTENT}/extent-store.model.test.ts`,
        test: 'random lives keep every promise, without faults',
        says: /a start found .*not-understood|is gone|is lost/,
      },
    ],
  },
  {
    name: 'skip-the-sync-of-files',
    what: 'the disk says that it has synced a file, and has not',
    edits: [
      {
        file: `${EXTENT}/node-file.ts`,
        fragment: 'await this.#handle.datasync()',
        replacement: 'await Promise.resolve()',
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/node-disk.test.ts`,
        test: 'no power cut takes what it called durable, and a failed sync is never',
        says: /a power cut after it, and a\/file holds something else/,
      },
    ],
    powerCutCount: CUTS_OF_PUTS,
  },
  {
    name: 'no-directory-sync',
    what: 'a name is answered that no sync of its directory covers',
    edits: [
      {
        file: `${EXTENT}/disk-health.ts`,
        fragment: 'await this.#options.disk.syncDirectory(path)',
        replacement: 'await this.#options.disk.list(path)',
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/extent-store.model.test.ts`,
        test: 'random lives keep every promise, without faults',
        says: /extent \d: is gone/,
      },
      {
        file: `${EXTENT}/crash-points.test.ts`,
        test: 'loses nothing that was answered (power cut)',
        says: /the disk has no such extent/,
      },
    ],
  },
  {
    name: 'no-directory-sync-of-disks',
    what: 'the disk says that it has synced a directory, and has not',
    edits: [
      {
        file: `${EXTENT}/node-disk.ts`,
        fragment: `  const handle = await fs.open(path, 'r')
  try {
    await handle.sync()`,
        replacement: `  const handle = await fs.open(path, 'r')
  try {
    await handle.stat()`,
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/node-disk.test.ts`,
        test: 'no power cut takes what it called durable, and a failed sync is never',
        says: /a power cut after it, and a(\/b)?(\/file)? is gone/,
      },
    ],
    powerCutCount: CUTS_OF_ORDERS,
  },
  {
    name: 'retry-a-failed-sync',
    what: 'a sync that failed is tried again, and the second one is believed',
    edits: [
      {
        file: `${EXTENT}/disk-health.ts`,
        fragment: 'await file.sync()',
        replacement: 'await file.sync().catch(() => file.sync())',
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/disk-health.test.ts`,
        test: 'nothing more is acknowledged in this process, on any extent',
        says: /promise resolved "4096" instead of rejecting/,
      },
      {
        file: `${EXTENT}/failed-io.model.test.ts`,
        test: 'append three records at once: whichever I/O fails, what was answered is',
        says: /at I\/O 2 \(file\.sync .*\n.*expected false to be true/,
      },
    ],
  },
  {
    name: 'answer-before-the-index-commit',
    what: 'the block index answers an operation before its batch has committed',
    edits: [
      {
        file: `${INDEX}/group-commit.ts`,
        fragment: 'return () => resolve(result)',
        replacement: 'return resolve(result), () => undefined',
      },
    ],
    caughtBy: [
      {
        file: `${INDEX}/sqlite-index-store.test.ts`,
        test: 'a full disk refuses a whole batch, stores none of it, and the store',
        says: /expected Set\{ 'ok', 'disk-full' \}/,
      },
    ],
  },
  {
    name: 'acknowledge-before-the-index-row',
    what: 'a put is acknowledged while the block index is still to hear of it',
    edits: [
      {
        file: `${FRONTEND}/handlers/put-block.ts`,
        fragment: 'const recorded = await recordInBlockIndex(put, volume) //  durable: the row',
        replacement: `void recordInBlockIndex(put, volume).catch(() => undefined)
    const row = { hash: Buffer.from(put.hash, 'hex'), bucketId: BigInt(volume.volume.bucketId) }
    const recorded: any = { row, newlyStored: true }`,
      },
    ],
    caughtBy: [
      {
        file: `${FRONTEND}/put-path.test.ts`,
        test: 'an index insert that is delayed past the close of its volume is',
        says: /answered before its row is there/,
      },
    ],
  },
  {
    name: 'synchronous-normal',
    what: 'SQLite runs with synchronous=NORMAL: a commit is not synced',
    edits: [
      {
        file: `${DATABASE}/connection.ts`,
        fragment: 'const SYNCHRONOUS_FULL = 2',
        replacement: 'const SYNCHRONOUS_FULL = 1',
      },
      {
        file: `${DATABASE}/connection.ts`,
        fragment: `connection.pragma('synchronous = full')`,
        replacement: `connection.pragma('synchronous = normal')`,
      },
    ],
    caughtBy: [
      {
        file: `${DATABASE}/open-database.test.ts`,
        test: 'a database in WAL mode that is opened again is fully synchronous',
        says: /expected 1 to be 2/,
      },
      {
        file: `${INDEX}/sqlite-index-store.test.ts`,
        test: 'the database under the store is in WAL mode and fully synchronous, at',
        says: /journal_mode: 'wal'/,
      },
    ],
    powerCutCount: CUTS_OF_PUTS,
  },
]
