/** How one block was found when it and each of its copies were read. Pure, but for the reading. */
import { isKuraError, REPLICA_COUNT, type BlockHash, type ErrorCode } from '@kura/core'
import type { CopyPlace, CopyReader, ReadLimits } from '@kura/client'
import { hashOf } from './proof-block.ts'

/** `absent` and `missing` are words of the zone, `unreachable` is the want of one. */
export type Served = 'right' | 'wrong' | 'absent' | 'refused'
export type CopyState = 'right' | 'wrong' | 'damaged' | 'missing' | 'unreachable'

export interface Findings {
  readonly served: Served
  /** One for each copy in force, and `missing` for those that there should be; or unknown. */
  readonly copies: readonly CopyState[] | undefined
}

/** The fate of an acknowledged block, by what was found last. */
export type Fate = 'whole' | 'degraded' | 'not-served' | 'unanswered' | 'lost'

const DAMAGE: readonly ErrorCode[] = ['record-damaged', 'extent-damaged', 'disk-error']
const ABSENCE: readonly ErrorCode[] = ['record-unknown', 'extent-unknown']

/** One attempt of each reading; never throws. */
export async function findBlock(
  reader: CopyReader,
  hash: BlockHash,
  limits: ReadLimits,
): Promise<Findings> {
  const { served, bucketId } = await readServed(reader, hash, limits)
  // Without a row nobody can find a copy, and what cannot be found is missing.
  if (served === 'absent') return { served, copies: missingFrom([]) }
  try {
    const block = { hash, bucketId: bucketId ?? (await reader.bucketOf(hash, limits)) }
    const places = await reader.copiesOf(block, limits)
    const found = await Promise.all(places.map((place) => readCopy(reader, place, hash, limits)))
    return { served, copies: [...found, ...missingFrom(found)] }
  } catch (error) {
    if (!isKuraError(error)) throw error
    return { served, copies: undefined }
  }
}

function missingFrom(found: readonly CopyState[]): CopyState[] {
  return Array.from({ length: Math.max(0, REPLICA_COUNT - found.length) }, () => 'missing')
}

/** What a frontend serves. */
export async function readServed(
  reader: CopyReader,
  hash: BlockHash,
  limits: ReadLimits,
): Promise<{ readonly served: Served; readonly bucketId?: bigint }> {
  try {
    const { bytes, bucketId } = await reader.readServed(hash, limits)
    return { served: hashOf(bytes) === hash ? 'right' : 'wrong', bucketId }
  } catch (error) {
    if (!isKuraError(error)) throw error
    return { served: error.code === 'not-found' ? 'absent' : 'refused' }
  }
}

async function readCopy(
  reader: CopyReader,
  place: CopyPlace,
  hash: BlockHash,
  limits: ReadLimits,
): Promise<CopyState> {
  try {
    return hashOf(await reader.readCopy(place, hash, limits)) === hash ? 'right' : 'wrong'
  } catch (error) {
    if (isKuraError(error, ...DAMAGE)) return 'damaged'
    if (isKuraError(error, ...ABSENCE)) return 'missing'
    if (isKuraError(error)) return 'unreachable'
    throw error
  }
}

/** A block is lost only where everybody who could have it has answered. */
export function fateOf({ served, copies }: Findings): Fate {
  const isAnyRight = copies?.includes('right') === true
  if (served === 'right') {
    return copies?.every((copy) => copy === 'right') === true ? 'whole' : 'degraded'
  }
  if (isAnyRight) return 'not-served'
  if (served === 'absent') return 'lost'
  return copies === undefined || copies.includes('unreachable') ? 'unanswered' : 'lost'
}

export function hasWrongBytes({ served, copies }: Findings): boolean {
  return served === 'wrong' || copies?.includes('wrong') === true
}
