/**
 * What becomes of a block, in words: what the system does by itself, what a put would do, and what
 * nobody does yet. Pure: it judges what was found.
 */
import { REPLICA_COUNT } from '@kura/core'
import type {
  BlockRow,
  DiskEntry,
  ExamineRecordResponse,
  ExtentEntry,
  VolumeEntry,
} from '@kura/proto'

export interface ExaminedCopy {
  readonly extent: ExtentEntry
  readonly examination?: ExamineRecordResponse
  readonly errorCode?: string
}

export interface ExplainedBlock {
  readonly live: boolean
  readonly row: Pick<BlockRow, 'bucketId' | 'sizeBytes' | 'plainCrc'>
  readonly volume: VolumeEntry | undefined
  /** Where the copies lie. */
  readonly disks: readonly Pick<DiskEntry, 'diskUuid' | 'state'>[]
  readonly copies: readonly ExaminedCopy[]
}

const REPLACED = 'repair replaces the copy'
/** Other frontends answer a put from the index, as long as the table counts two copies. */
const WHEN_A_PUT_WRITES = 'a put writes it anew at a frontend where a get met the damage'

/** Sentences, the weightiest first. */
export function describeNext(block: ExplainedBlock): string[] {
  const { live, row, volume, disks, copies } = block
  if (!live) return ['the block is not live: gets say not-found; a put stores it anew']
  if (volume === undefined) {
    return [
      `bucket ${row.bucketId} is not in the replication table: gets fail; ` +
        'a put of the same block stores it in another bucket',
    ]
  }
  const good = copies.filter((copy) => isGood(copy, row)).length
  const flaws = copies.flatMap((copy, index) => describeFlaw(copy, { index, row, volume, disks }))
  const all = [...describeLoss(good), ...flaws, ...describeVolume(volume)]
  if (all.length > 0) return all
  return [`nothing: ${spell(good)} good ${good === 1 ? 'copy' : 'copies'}`]
}

/** In force, whole, and the block that the index means. Padding is no part of the block. */
export function isGood(copy: ExaminedCopy, row: ExplainedBlock['row']): boolean {
  const { extent, examination } = copy
  return extent.state === 'in-force' && isWhole(examination) && isSame(examination, row)
}

function isWhole(examination: ExamineRecordResponse | undefined): boolean {
  if (examination?.state === 'damaged') return examination.part === 'padding'
  return examination?.state === 'ok'
}

function isSame(
  examination: ExamineRecordResponse | undefined,
  row: ExplainedBlock['row'],
): boolean {
  return examination?.sizeBytes === row.sizeBytes && examination.plainCrc === row.plainCrc
}

function describeLoss(good: number): string[] {
  if (good >= REPLICA_COUNT) return []
  if (good === 0) {
    return [
      'no good copy was found: gets fail until a disk returns, ' +
        `or the block is put again; ${WHEN_A_PUT_WRITES}`,
    ]
  }
  const copies = good === 1 ? 'copy is' : 'copies are'
  return [`${spell(good)} good ${copies} left of ${spell(REPLICA_COUNT)}: gets go on`]
}

function describeFlaw(
  copy: ExaminedCopy,
  known: {
    readonly index: number
    readonly row: ExplainedBlock['row']
    readonly volume: VolumeEntry
    readonly disks: ExplainedBlock['disks']
  },
): string[] {
  const { extent, examination } = copy
  const name = `copy ${known.index + 1}`
  if (extent.state === 'source') {
    return [
      `${name} is out of force and kept as a source; ` +
        'it counts again if it proves equal, else repair merges it',
    ]
  }
  if (extent.state !== 'in-force')
    return [`${name} is ${extent.state}: it does not count as a copy`]
  const disk = known.disks.find(({ diskUuid }) => diskUuid === extent.diskUuid)
  if (disk?.state === 'lost') return [describeLostDisk(name, known.volume)]
  if (examination === undefined) return [describeSilence(copy, known.volume)]
  if (examination.state === 'damaged') return [describeDamage(name, examination.part, known.volume)]
  if (examination.state === 'distrusted') {
    return [
      `${name} reads well now but was damaged before: its node does not serve it; ` +
        whatHeals(known.volume),
    ]
  }
  if (examination.state !== 'ok') return [describeLack(name, examination.state, known.volume)]
  if (isSame(examination, known.row)) return []
  return [`${name} has another size or CRC than the block index: reads pass it over`]
}

function describeLostDisk(name: string, { state }: VolumeEntry): string {
  const then = state === 'closed' ? REPLACED : 'closing the volume goes on without it'
  return `${name} is on a disk that an operator declared lost: ${then}`
}

function describeSilence({ extent, errorCode }: ExaminedCopy, volume: VolumeEntry): string {
  const { volumeId } = volume
  if (errorCode === 'unavailable' || errorCode === 'deadline-exceeded') {
    const { diskUuid } = extent
    if (volume.state !== 'closed') return `volume ${volumeId} is closed without disk ${diskUuid}`
    return `disk ${diskUuid} is silent: repair copies elsewhere in time, or at kura disk lost`
  }
  return `disk ${extent.diskUuid} could not tell (${errorCode}): see kura status, kura disk verify`
}

function whatHeals({ state }: VolumeEntry): string {
  return state === 'closed' ? REPLACED : WHEN_A_PUT_WRITES
}

function describeDamage(name: string, part: string, volume: VolumeEntry): string {
  if (part === 'padding') {
    return `${name} has damaged padding: its bytes are whole and are still read`
  }
  return `${name} is damaged (${part}): reads pass it over; ${whatHeals(volume)}`
}

function describeLack(name: string, state: string, volume: VolumeEntry): string {
  const what = state === 'extent-unknown' ? 'the extent' : 'the record'
  const then = volume.state === 'closed' ? REPLACED : 'closing the volume puts it there'
  return `${name} lacks ${what}: reads pass it over; ${then}`
}

function describeVolume({ state, volumeId }: VolumeEntry): string[] {
  if (state === 'closing') {
    return [`volume ${volumeId} is closing: its copies are compared, completed and sealed`]
  }
  return []
}

function spell(count: number): string {
  return ['no', 'one', 'two', 'three'][count] ?? String(count)
}
