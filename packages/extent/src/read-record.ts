/** Reads one record into a slab and checks that it is the one that was asked for. */
import { KuraError, PAGE_SIZE_BYTES, type RecordRoom, type RecordSummary } from '@kura/core'
import { diskFailure } from './disk-failure.ts'
import type { PageZero } from './page-zero.ts'
import { isInline, recordSpaceBytes, type RecordHeader } from './record-header.ts'
import type { RecordLocation } from './record-index.ts'
import { reportDamage, type StoreContext } from './store-context.ts'
import {
  findRecordFlaw,
  HEADER_FLAW,
  payloadOf,
  readRecordHeader,
  type RecordFlaw,
} from './verify-record.ts'

export interface RecordPlace {
  readonly page: PageZero
  readonly path: string
  readonly location: RecordLocation
}

export interface ReadOptions {
  /** Past the page cache. By default only what is wrong in it is looked at on the medium. */
  readonly fromMedium?: boolean
}

/**
 * The payload into `slab.payload[0..sizeBytes)`. First through the page cache; what is wrong there
 * is looked at on the medium before it is called damage. Throws `record-damaged`, `disk-error`.
 */
export async function readRecord(
  context: StoreContext,
  place: RecordPlace,
  options: ReadOptions & { readonly slab: RecordRoom },
): Promise<RecordSummary> {
  const { slab, fromMedium = false } = options
  slab.retain()
  try {
    const isSoundInCache =
      !fromMedium && (await readThrough(context, { ...place, direct: false }, slab)) === undefined
    if (!isSoundInCache && !(await confirm(context, place, slab))) throw damaged(place)
  } finally {
    slab.release()
  }
  const { hash, sizeBytes, plainCrc, putAtMs } = place.location
  if (isInline(sizeBytes)) payloadOf(slab.bytes, sizeBytes).copy(slab.payload)
  return { hash, sizeBytes, plainCrc, putAtMs }
}

/** Whether the medium holds the record after all; the damage is reported if not. */
async function confirm(
  context: StoreContext,
  place: RecordPlace,
  slab: RecordRoom,
): Promise<boolean> {
  const flaw = await readThrough(context, { ...place, direct: true }, slab)
  if (flaw === 'unreadable') throw diskFailure(undefined, 'a record could not be read')
  if (flaw === undefined) return true
  const { page, location } = place
  const offsetBytes = location.offsetBytes + flaw.startBytes
  const damage = { extentId: page.extentId, part: flaw.part, offsetBytes, hash: location.hash }
  reportDamage(context, damage, 'read')
  return false
}

async function readThrough(
  context: StoreContext,
  place: RecordPlace & { readonly direct: boolean },
  slab: RecordRoom,
): Promise<RecordFlaw | 'unreadable' | undefined> {
  const { path, location } = place
  const record = slab.bytes.subarray(0, recordSpaceBytes(location.sizeBytes))
  try {
    const readBytes = await context.files.use(path, place.direct, (file) =>
      file.read(record, location.offsetBytes),
    )
    return readBytes < record.length ? HEADER_FLAW : findServingFlaw(record, place)
  } catch (error) {
    if (error instanceof KuraError) throw error
    return 'unreadable'
  }
}

/** Padding serves nobody: its damage is for the scrubber to find. */
function findServingFlaw(record: Buffer, place: RecordPlace): RecordFlaw | undefined {
  const header = readHeaderAt(record, place)
  if (header === undefined) return HEADER_FLAW
  const flaw = findRecordFlaw(record, header)
  return flaw?.part === 'padding' ? undefined : flaw
}

/** Any flaw of a record, padding included. */
export function findAnyFlaw(record: Buffer, place: RecordPlace): RecordFlaw | undefined {
  const header = readHeaderAt(record, place)
  return header === undefined ? HEADER_FLAW : findRecordFlaw(record, header)
}

/** The header if it is sound, belongs here, and is the one that the index means. */
function readHeaderAt(record: Buffer, place: RecordPlace): RecordHeader | undefined {
  const { page, location } = place
  const { bucketId, salt } = page
  const { offsetBytes, hash, sizeBytes, plainCrc } = location
  const firstPage = record.subarray(0, PAGE_SIZE_BYTES)
  const header = readRecordHeader(firstPage, { bucketId, salt, offsetBytes })
  const isMeant =
    header?.hash === hash && header.sizeBytes === sizeBytes && header.plainCrc === plainCrc
  return isMeant ? header : undefined
}

function damaged({ page, location }: RecordPlace): KuraError {
  return new KuraError('record-damaged', 'the stored record fails its check', {
    details: { extentId: page.extentId, hash: location.hash, offsetBytes: location.offsetBytes },
  })
}
