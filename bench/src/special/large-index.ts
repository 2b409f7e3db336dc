/**
 * Puts of 4 KiB into a zone whose index has a million rows, against one whose index has none, in
 * turn. Both zones run at the same time, so that neither of them meets an older machine than the
 * other; what the idle one spends meanwhile is measured and kept as `idleProcessorShare`.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { KIB, parsePocketId, parseZoneId } from '@kura/core'
import { LocalZone } from '@kura/local'
import { LoadSession } from '../load/load-session.ts'
import { startZone, type LoadSite } from '../load/load-site.ts'
import type { ZonePlan } from '../load/plan-loads.ts'
import { ProcessWatch } from '../load/process-watch.ts'
import { nameZoneFolder } from '../load/remove-leftovers.ts'
import type { PartContext } from '../part.ts'
import type { Sample } from '../results/sample.ts'
import { fillIndex } from './index-store.ts'
import { asSpecial, rateOf, type SpecialPlan } from './special.ts'

const BLOCK_SIZE_BYTES = 4 * KIB
const CLIENTS = 16
const WARM_UP_SECONDS = 1
const EMPTY_ROW = 'put 4 KiB × 16 with an empty index'
const SERIALS = { empty: 1, filled: 2 }

export function largeIndexRows({ largeIndex }: SpecialPlan): readonly string[] {
  return [EMPTY_ROW, filledRow(largeIndex)]
}

function filledRow({ rowsName }: SpecialPlan['largeIndex']): string {
  return `put 4 KiB × 16 with ${rowsName} rows`
}

export async function measureLargeIndex(context: PartContext, plan: SpecialPlan): Promise<void> {
  const { largeIndex } = plan
  const startedAtMs = performance.now()
  await makeFilledZone(context, largeIndex.rowCount)
  const fillSeconds = (performance.now() - startedAtMs) / 1000
  context.tell(`filled an index with ${largeIndex.rowsName} rows in ${fillSeconds.toFixed(0)} s`)
  await using filledSite = await startZone(context, { serial: SERIALS.filled, restarts: false })
  await using emptySite = await startZone(context, { serial: SERIALS.empty, restarts: false })
  const zones = { empty: planZone(EMPTY_ROW, plan), filled: planZone(filledRow(largeIndex), plan) }
  const empty = new LoadSession(emptySite, zones.empty, context)
  const filled = new LoadSession(filledSite, zones.filled, context)
  const samples: Sample[] = []
  for (let run = 1; run <= largeIndex.windows; run += 1) {
    const one = await measureWindow(empty, { zone: zones.empty, idle: filledSite, run })
    const other = await measureWindow(filled, { zone: zones.filled, idle: emptySite, run })
    if (one === undefined || other === undefined) {
      context.tell(`${filledRow(largeIndex)}: NO FIGURE, nothing was answered in time`)
      return
    }
    const ratio = rateOf(other) / rateOf(one)
    const figures = { ...other.figures, ratio, rowCount: largeIndex.rowCount, fillSeconds }
    samples.push(one, { ...other, figures })
    const rates = [one, other].map((sample) => rateOf(sample).toFixed(0))
    context.tell(
      `index, window ${run} of ${largeIndex.windows}: empty ${rates[0]} puts/s, ` +
        `${largeIndex.rowsName} rows ${rates[1]} puts/s, ${(ratio * 100).toFixed(0)} %`,
    )
  }
  await empty.readBack()
  await filled.readBack()
  for (const sample of samples) context.keep(sample)
}

/** A zone after genesis, that was never started, whose index gets its rows. */
async function makeFilledZone(context: PartContext, rowCount: number): Promise<void> {
  const dataDir = join(context.cacheFolder, nameZoneFolder(SERIALS.filled))
  await mkdir(context.cacheFolder, { recursive: true })
  await using zone = await LocalZone.prepare({ dataDir, portBase: 0, restarts: false })
  const { dataDir: folder } = zone.service('block-index-1')
  const { pocket } = zone.endpoints
  const place = { pocket: parsePocketId(pocket), zone: parseZoneId('a') }
  await fillIndex({ folder, ...place }, { rowCount })
}

async function measureWindow(
  session: LoadSession,
  window: { readonly zone: ZonePlan; readonly idle: LoadSite; readonly run: number },
): Promise<Sample | undefined> {
  const [row] = window.zone.rows
  if (row === undefined) throw new Error('a zone is planned for a row')
  const watch = new ProcessWatch(() => window.idle.processes())
  const startedAtMs = performance.now()
  const sample = await session.measure(row).finally(() => watch.end())
  if (sample === undefined) return undefined
  const idleSeconds = Object.values(watch.end().processorSeconds).reduce((sum, s) => sum + s, 0)
  const elapsedSeconds = (performance.now() - startedAtMs) / 1000
  const figures = { ...sample.figures, idleProcessorShare: idleSeconds / elapsedSeconds }
  return asSpecial({ ...sample, figures }, window.run)
}

function planZone(row: string, { largeIndex }: SpecialPlan): ZonePlan {
  const load = {
    door: 'client',
    pattern: 'put',
    sizeBytes: BLOCK_SIZE_BYTES,
    clients: CLIENTS,
    seconds: largeIndex.seconds,
    warmUpSeconds: WARM_UP_SECONDS,
  } as const
  const rows = [{ row, load }]
  return { sizeBytes: BLOCK_SIZE_BYTES, door: 'client', rows, restarts: false, fillSeconds: 0 }
}
