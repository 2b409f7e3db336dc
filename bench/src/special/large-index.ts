/**
 * Puts of 4 KiB into a zone whose index has a million rows, against one whose index has none, in
 * turn. An idle zone takes a tenth of a processor, so that only the one that is measured runs: each
 * window is a start of its zone, a time to warm up, the puts, and reading them back.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { KIB } from '@kura/core'
import { LoadSession } from '../load/load-session.ts'
import type { RowPlan } from '../load/plan-loads.ts'
import { nameZoneFolder } from '../load/remove-leftovers.ts'
import type { PartContext } from '../part.ts'
import type { Sample } from '../results/sample.ts'
import { fillIndex } from './index-store.ts'
import { KeptZone } from './kept-zone.ts'
import { asSpecial, rateOf, type SpecialPlan } from './special.ts'

const SIZE_BYTES = 4 * KIB
const CLIENTS = 16
const EMPTY_ROW = 'put 4 KiB × 16 with an empty index'
const SERIALS = { empty: 1, filled: 2 }

interface Side {
  readonly dataDir: string
  readonly row: RowPlan
}

export function largeIndexRows({ largeIndex }: SpecialPlan): readonly string[] {
  return [EMPTY_ROW, filledRow(largeIndex)]
}

function filledRow({ rowsName }: SpecialPlan['largeIndex']): string {
  return `put 4 KiB × 16 with ${rowsName} rows`
}

export async function measureLargeIndex(context: PartContext, plan: SpecialPlan): Promise<void> {
  const { largeIndex } = plan
  const { rowCount, rowsName } = largeIndex
  const folderOf = (serial: number): string => join(context.cacheFolder, nameZoneFolder(serial))
  const empty = { dataDir: folderOf(SERIALS.empty), row: planRow(EMPTY_ROW, largeIndex) }
  const filled = {
    dataDir: folderOf(SERIALS.filled),
    row: planRow(filledRow(largeIndex), largeIndex),
  }
  try {
    const startedAtMs = performance.now()
    await fillIndex(await KeptZone.make(filled.dataDir), { rowCount })
    const fillSeconds = (performance.now() - startedAtMs) / 1000
    context.tell(`filled an index with ${rowsName} rows in ${fillSeconds.toFixed(0)} s`)
    await compareSides({ empty, filled }, context, plan)
  } finally {
    for (const { dataDir } of [empty, filled]) await rm(dataDir, { recursive: true, force: true })
  }
}

async function compareSides(
  { empty, filled }: { readonly empty: Side; readonly filled: Side },
  context: PartContext,
  { largeIndex }: SpecialPlan,
): Promise<void> {
  const { windows, rowCount, rowsName } = largeIndex
  // The window 0 of each does not count: a zone that is new still allocates its extents.
  for (let run = 0; run <= windows; run += 1) {
    const one = await measureWindow(empty, context)
    const other = await measureWindow(filled, context)
    if (run === 0) continue
    if (one === undefined || other === undefined) {
      context.tell(`${filled.row.row}: NO FIGURE, nothing was answered in time`)
      continue
    }
    const ratio = rateOf(other) / rateOf(one)
    context.keep(asSpecial(one, run))
    context.keep(asSpecial({ ...other, figures: { ...other.figures, ratio, rowCount } }, run))
    const rates = [one, other].map((sample) => rateOf(sample).toFixed(0))
    context.tell(
      `index, window ${run} of ${windows}: empty ${rates[0]} puts/s, ` +
        `${rowsName} rows ${rates[1]} puts/s, ${(ratio * 100).toFixed(0)} %`,
    )
  }
}

async function measureWindow(side: Side, context: PartContext): Promise<Sample | undefined> {
  const { dataDir, row } = side
  await using zone = await KeptZone.start(dataDir)
  const plan = { sizeBytes: SIZE_BYTES, door: 'client', restarts: false, fillSeconds: 0 } as const
  const session = new LoadSession(zone, { ...plan, rows: [row] }, context)
  const sample = await session.measure(row)
  await session.readBack()
  return sample
}

function planRow(row: string, { warmUpSeconds, seconds }: SpecialPlan['largeIndex']): RowPlan {
  return {
    row,
    load: {
      door: 'client',
      pattern: 'put',
      sizeBytes: SIZE_BYTES,
      clients: CLIENTS,
      seconds,
      warmUpSeconds,
    },
  }
}
