/** A start after an unclean end: what it may believe, overlook or go on with. */
import type { Variant } from '../variant.ts'

const EXTENT = 'packages/extent/src'

export const RECOVERY_VARIANTS: readonly Variant[] = [
  {
    name: 'recovery-stops-at-a-bad-record',
    what: 'recovery takes the first bad record for the end of the extent',
    edits: [
      {
        file: `${EXTENT}/extent-scanner.ts`,
        fragment: 'while (offsetBytes <= lastPageBytes)',
        replacement: 'while (this.#isChain && offsetBytes <= lastPageBytes)',
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/recovery.test.ts`,
        test: 'a bad record below a later syncedOffset is damage, and what follows it',
        says: /the extent has no such record/,
      },
      {
        file: `${EXTENT}/scrubber.test.ts`,
        test: 'loses one record to a damaged header or payload, and no other',
        says: /the extent has no such record/,
      },
    ],
  },
  {
    name: 'recovery-appends',
    what: 'an extent that an earlier process left open goes on taking appends',
    edits: [
      {
        file: `${EXTENT}/unsealed-extent.ts`,
        fragment: `this.#state = options.recovered === undefined ? 'open' : 'frozen'`,
        replacement: `this.#state = 'open'`,
      },
      {
        file: `${EXTENT}/unsealed-extent.ts`,
        fragment: 'if (options.recovered === undefined) this.#writer = this.#makeWriter()',
        replacement: `this.#writer = this.#makeWriter()
    if (options.recovered !== undefined) this.#writer.goOnBehind(options.recovered)`,
      },
      {
        file: `${EXTENT}/extent-writer.ts`,
        fragment: '  /** Behind the last byte that may have been written. */',
        replacement: `
  goOnBehind(recovered: { table: RecordTable; endOffsetBytes: number }): void {
    ;(this as { table: RecordTable }).table = recovered.table
    this.#endOffsetBytes = recovered.endOffsetBytes
  }
`,
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/extent-writer.test.ts`,
        test: 'an extent left open by an earlier process takes no append',
        says: /state: 'frozen'/,
      },
      {
        file: `${EXTENT}/crash-points.test.ts`,
        test: 'a start that is itself ended at any change comes to the same result',
        says: /expected 'open' not to be 'open'/,
      },
    ],
  },
  {
    name: 'recovery-serves-before-its-sync',
    what: 'recovery serves what it finds in the page cache, and does not sync it',
    edits: [
      {
        file: `${EXTENT}/recover-extent.ts`,
        fragment: `context.health.sync(file, 'the sync of a recovered extent')`,
        replacement: 'Promise.resolve()',
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/failed-io.model.test.ts`,
        test: 'append three records at once: whichever I/O fails, what was answered is',
        says: /acknowledged record [0-9a-f]+ is lost/,
      },
    ],
  },
  {
    name: 'length-before-checksum',
    what: 'the scan goes on behind a header whose checksum fails, as far as its length says',
    edits: [
      {
        file: `${EXTENT}/extent-scanner.ts`,
        fragment: `      this.#isChain = false
      return nextPageBytes`,
        replacement: `      this.#isChain = false
      if (hasRecordMagic(page)) return offsetBytes + recordSpaceBytes(page.readUInt32LE(20))
      return nextPageBytes`,
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/recovery.test.ts`,
        test: 'a length that rotted hides no record behind it, whichever of its bits',
        says: /bit \d+ of the size/,
      },
    ],
  },
  {
    name: 'header-without-checksum',
    what: 'a record header is believed, its length too, whatever its checksum says',
    edits: [
      {
        file: `${EXTENT}/record-header.ts`,
        fragment: `  checkCrc('record header', header, AT.crc)\n`,
        replacement: '',
      },
    ],
    caughtBy: [
      {
        file: `${EXTENT}/format.test.ts`,
        test: 'a record header > is refused with any bit flipped',
        says: /byte \d+: expected/,
      },
    ],
  },
]
