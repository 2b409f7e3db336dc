/** How one record is on the medium, for an operator who wants to know it now. */
import type { RecordSummary } from '@kura/core'
import { diskFailure } from './disk-failure.ts'
import { findAnyFlaw, type RecordPlace } from './read-record.ts'
import { recordSpaceBytes } from './record-header.ts'
import { reportDamage, withSlab, type StoreContext } from './store-context.ts'
import { hasHash, payloadOf, type RecordFlaw, type RecordPart } from './verify-record.ts'

/** `flaw` is the part that is damaged. */
export interface RecordExamination extends RecordSummary {
  readonly offsetBytes: number
  readonly flaw: RecordPart | undefined
}

/**
 * Reads header, payload and padding past the page cache and checks them, the SHA-256 too. Damage is
 * reported as the scrubber reports it. Throws `disk-error`.
 */
export async function examineRecord(
  context: StoreContext,
  place: RecordPlace,
): Promise<RecordExamination> {
  const { page, path, location } = place
  return await withSlab(context, location.sizeBytes, async (slab) => {
    const record = slab.bytes.subarray(0, recordSpaceBytes(location.sizeBytes))
    const readBytes = await context.files
      .use(path, true, (file) => file.read(record, location.offsetBytes))
      .catch((error: unknown) => {
        throw diskFailure(error, 'a record could not be read')
      })
    const flaw = findFlaw(record.subarray(0, readBytes), place)
    if (flaw !== undefined) {
      const offsetBytes = location.offsetBytes + flaw.startBytes
      const { extentId } = page
      const damage = { extentId, part: flaw.part, offsetBytes, hash: location.hash }
      reportDamage(context, damage, 'read')
    }
    return { ...location, flaw: flaw?.part }
  })
}

function findFlaw(record: Buffer, place: RecordPlace): RecordFlaw | undefined {
  const { hash, sizeBytes } = place.location
  if (record.length < recordSpaceBytes(sizeBytes)) return { part: 'record-header', startBytes: 0 }
  const flaw = findAnyFlaw(record, place)
  if (flaw !== undefined || hasHash(payloadOf(record, sizeBytes), hash)) return flaw
  return { part: 'payload', startBytes: 0 }
}
