/** Lookups and upserts in the block index's store, on its own file, with its group commit. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parsePocketId, parseZoneId, type BlockHash } from '@kura/core'
import type { PartContext } from '../part.ts'
import {
  fillIndex,
  freshHash,
  makeIndex,
  openIndexStore,
  putOf,
  stayAwake,
} from '../special/index-store.ts'
import { measureRow, type MicroPlan } from './micro.ts'

/** On so many pages that they are four times what the index keeps in memory. */
const SAMPLED_HASHES = 200_000
const AT_ONCE = [1, 16]

interface IndexSize {
  readonly rowCount: number
  /** As in the names of rows. */
  readonly rowsName: string
}

export async function measureIndex(
  context: PartContext,
  plan: MicroPlan,
  folder: string,
): Promise<void> {
  const { rowCount, rowsName } = plan
  for (const size of [
    { rowCount: 0, rowsName: '0' },
    { rowCount, rowsName },
  ]) {
    if (!namesOf(size).some((row) => context.wants(row))) continue
    const ownFolder = join(folder, `index-${size.rowCount}`)
    try {
      await measureSize(size, { context, plan, folder: ownFolder })
    } finally {
      await rm(ownFolder, { recursive: true, force: true })
    }
  }
}

function lookupName({ rowsName }: IndexSize): string {
  return `index lookup at ${rowsName} rows`
}

function upsertName({ rowsName }: IndexSize, atOnce: number): string {
  return `index upsert × ${atOnce} at ${rowsName} rows`
}

function namesOf(size: IndexSize): readonly string[] {
  return [lookupName(size), ...AT_ONCE.map((atOnce) => upsertName(size, atOnce))]
}

async function measureSize(
  size: IndexSize,
  at: { readonly context: PartContext; readonly plan: MicroPlan; readonly folder: string },
): Promise<void> {
  const { context, plan, folder } = at
  const { rowCount, rowsName } = size
  await mkdir(folder, { recursive: true })
  const place = { folder, pocket: parsePocketId('bench'), zone: parseZoneId('a') }
  makeIndex(place)
  const startedAtMs = performance.now()
  const hashes = await fillIndex(place, { rowCount, sampleCount: SAMPLED_HASHES })
  const fillSeconds = (performance.now() - startedAtMs) / 1000
  if (rowCount > 0) context.tell(`filled ${rowsName} rows in ${fillSeconds.toFixed(0)} s`)
  using _awake = stayAwake()
  const store = await openIndexStore(place)
  try {
    const lookUp = async (): Promise<void> => {
      await store.locateBlock(pickHash(hashes))
    }
    const upsert = async (): Promise<void> => {
      await store.recordBlock(putOf(freshHash()))
    }
    const common = { system: 'kura', sizeBytes: 0, seconds: plan.seconds } as const
    for (let run = 1; run <= plan.runs; run += 1) {
      const looking = { ...common, row: lookupName(size), run, operates: [lookUp] }
      // All of them before the first upsert, so that an empty index is empty.
      if (context.wants(looking.row)) {
        await measureRow(context, looking)
      }
    }
    for (const atOnce of AT_ONCE) {
      const row = upsertName(size, atOnce)
      const operates = Array.from({ length: atOnce }, () => upsert)
      for (let run = 1; run <= plan.runs && context.wants(row); run += 1) {
        await measureRow(context, { ...common, row, run, operates })
      }
    }
  } finally {
    await store.close()
  }
}

/** One that is there; where there are none, any. */
function pickHash(hashes: readonly BlockHash[]): BlockHash {
  return hashes[Math.floor(Math.random() * hashes.length)] ?? freshHash()
}
