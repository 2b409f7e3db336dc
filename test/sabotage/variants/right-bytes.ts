/** Never wrong bytes, and nothing replaced: what may be mixed up, written over or served unseen. */
import type { Variant } from '../variant.ts'

const EXTENT = 'packages/extent/src'
const DATABASE = 'packages/database/src'
const FRONTEND = 'services/frontend/src'

export const RIGHT_BYTES_VARIANTS: readonly Variant[] = [
  {
    name: 'slab-returned-before-its-write',
    what: 'the memory of an append goes back to the pool before its write is over',
    edits: [
      {
        file: `${EXTENT}/extent-writer.ts`,
        fragment: '      await this.#writeBatch(prepared)\n',
        replacement: `      for (const { append } of prepared) append.record.slab.release()
      await this.#writeBatch(prepared)\n`,
      },
      {
        file: `${EXTENT}/extent-writer.ts`,
        fragment: `    } finally {
      for (const { append } of prepared) append.record.slab.release()
    }`,
        replacement: '    }',
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/extent-writer.test.ts`,
        test: 'a slab stays out of the pool until its write is over, its owner long',
        says: /expected Slab.* to be undefined/,
      },
    ],
  },
  {
    name: 'slab-returned-before-its-read',
    what: 'the memory of a read goes back to the pool while the read is under way',
    edits: [
      {
        file: `${EXTENT}/read-record.ts`,
        fragment: '  slab.retain()\n',
        replacement: '',
      },
      {
        file: `${EXTENT}/read-record.ts`,
        fragment: '    slab.release()\n',
        replacement: '',
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/extent-writer.test.ts`,
        test: 'a read that hangs keeps its slab, so that it cannot complete into the',
        says: /expected Slab.* to be undefined/,
      },
    ],
  },
  {
    name: 'publish-by-rename',
    what: 'an extent gets its name by rename, which replaces what had it',
    edits: [
      {
        file: `${EXTENT}/node-disk.ts`,
        fragment: 'await fs.link(this.#resolve(existingPath), this.#resolve(newPath))',
        replacement: 'await fs.rename(this.#resolve(existingPath), this.#resolve(newPath))',
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/node-disk.test.ts`,
        test: 'a link never replaces',
        says: /promise resolved "undefined" instead of rejecting/,
      },
    ],
  },
  {
    name: 'database-by-rename',
    what: 'a new database gets its name by rename, which replaces what had it',
    edits: [
      {
        file: `${DATABASE}/scratch-database.ts`,
        fragment: 'import { copyFileSync, existsSync, linkSync,',
        replacement: 'import { renameSync, copyFileSync, existsSync,',
      },
      {
        file: `${DATABASE}/scratch-database.ts`,
        fragment: 'linkSync(scratchPath, path)',
        replacement: 'renameSync(scratchPath, path)',
      },
      {
        file: `${DATABASE}/scratch-database.ts`,
        fragment: '  unlinkSync(scratchPath)\n',
        replacement: '',
      },
    ],
    caughtBy: [
      {
        file: `${DATABASE}/initialise-database.test.ts`,
        test: 'a genesis that another one has overtaken is refused and changes nothing',
        says: /expected .*function.* to throw/,
      },
    ],
  },
  {
    name: 'read-without-checking',
    what: 'a storage node answers a read with whatever the disk gave',
    edits: [
      {
        file: `${EXTENT}/read-record.ts`,
        fragment: 'return readBytes < record.length ? HEADER_FLAW : findServingFlaw(record, place)',
        replacement: 'return undefined',
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/scrubber.test.ts`,
        test: 'answers record-damaged for a flipped bit, after looking past the page',
        says: /promise resolved "Buffer.* instead of rejecting/,
      },
      {
        file: `${EXTENT}/disk-health.test.ts`,
        test: 'is believed by nobody when it shows damage: the medium is asked first',
        says: /wrong bytes for/,
      },
    ],
  },
  {
    name: 'get-without-checking',
    what: 'a frontend hands on whatever a storage node answered',
    edits: [
      {
        file: `${FRONTEND}/steps/read-replica.ts`,
        fragment: 'result.crc !== located.plainCrc',
        replacement: 'false',
      },
      {
        file: `${FRONTEND}/steps/read-replica.ts`,
        fragment: `sha256 !== undefined && sha256.digest('hex') !== located.hash`,
        replacement: 'false',
      },
    ],
    caughtBy: [
      {
        file: `${FRONTEND}/get-path.test.ts`,
        test: 'a damaged copy is never served, is reported, and another one answers',
        says: /expected false to be true/,
      },
    ],
  },
  {
    name: 'identity-not-checked',
    what: 'a storage node serves the disk of another one',
    edits: [
      {
        file: `${EXTENT}/identity.ts`,
        fragment: 'if (identity[name] === expected[name]) continue',
        replacement: 'continue',
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/identity.test.ts`,
        test: 'refuses the disk of another pocket, zone, cell or storage node, and gives',
        says: /promise resolved "ExtentStore/,
      },
    ],
  },
  {
    name: 'extents-of-strangers',
    what: 'a storage node serves the extent of another disk or cell',
    edits: [
      {
        file: `${EXTENT}/load-extent.ts`,
        fragment: 'if (isOurs) return',
        replacement: 'return',
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/recovery.test.ts`,
        test: 'is left alone and told: strange names, another disk, a newer format',
        says: /extents\/44\.extent/,
      },
    ],
  },
]
