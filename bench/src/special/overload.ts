/**
 * What is acknowledged under five times the load that a frontend takes, against the peak.
 *
 * A frontend at default settings serves 32 blocks at a time and lets 64 more requests wait. Five
 * times as many clients as it serves are 160: they keep it full, keep its queue full, and 64 of them
 * are refused at any time and come back when the client library lets them. The peak is of sixteen
 * clients on the same zone a moment before. Goodput counts acknowledged blocks only, all of which
 * are read back at the end. What is under way when the time is up counts, and so does the time that
 * it takes: the share is rather too small than too large.
 */
import { GIB, MIB } from '@kura/core'
import { LoadSession } from '../load/load-session.ts'
import { startZone, type LoadSite } from '../load/load-site.ts'
import type { RowPlan, ZonePlan } from '../load/plan-loads.ts'
import type { PartContext } from '../part.ts'
import type { Sample } from '../results/sample.ts'
import { asSpecial, rateOf, type SpecialPlan } from './special.ts'

const PEAK_ROW = 'overload peak put 4 MiB'
const OVERLOAD_ROW = 'overload 5× put 4 MiB'
export const OVERLOAD_ROWS = [PEAK_ROW, OVERLOAD_ROW]

const BLOCK_SIZE_BYTES = 4 * MIB
const PEAK_CLIENTS = 16
/** Setting `large_slabs` of a frontend, five times. */
const OVERLOAD_CLIENTS = 5 * 32
/** Of each row: three copies of two rows, and what a zone preallocates, stay below 40 GiB. */
const PUT_BYTES_MAX = 5 * GIB

export async function measureOverload(context: PartContext, plan: SpecialPlan): Promise<void> {
  for (let run = 1; run <= plan.overload.rounds; run += 1) {
    await using site = await startZone(context, { serial: run, restarts: false })
    await measureRound(site, { context, plan, run })
  }
}

async function measureRound(
  site: LoadSite,
  round: { readonly context: PartContext; readonly plan: SpecialPlan; readonly run: number },
): Promise<void> {
  const { context, plan, run } = round
  const zone = planZone(plan)
  const session = new LoadSession(site, zone, context)
  const samples: Sample[] = []
  for (const row of zone.rows) {
    const sample = await session.measure(row)
    if (sample !== undefined) samples.push(asSpecial(sample, run))
  }
  await session.readBack()
  const [peak, overload] = samples
  if (peak === undefined || overload === undefined) {
    context.tell(`${OVERLOAD_ROW}: NO FIGURE, nothing was acknowledged in time`)
    return
  }
  const goodputShare = rateOf(overload) / rateOf(peak)
  const { figures } = overload
  context.keep(peak)
  context.keep({
    ...overload,
    figures: { ...figures, goodputShare, clients: OVERLOAD_CLIENTS, peakClients: PEAK_CLIENTS },
  })
  const percent = (goodputShare * 100).toFixed(0)
  const rates = [peak, overload].map((sample) => (rateOf(sample) * 4).toFixed(0))
  context.tell(
    `overload, round ${run} of ${plan.overload.rounds}: peak ${rates[0]} MiB/s, ` +
      `${OVERLOAD_CLIENTS} clients ${rates[1]} MiB/s, ${percent} %; ` +
      `${figures?.['failed'] ?? 0} gave up`,
  )
}

function planZone({ overload }: SpecialPlan): ZonePlan {
  const load = {
    door: 'client',
    pattern: 'put',
    sizeBytes: BLOCK_SIZE_BYTES,
    putBytesMax: PUT_BYTES_MAX,
  } as const
  const rows: readonly RowPlan[] = [
    {
      row: PEAK_ROW,
      load: { ...load, clients: PEAK_CLIENTS, seconds: overload.peakSeconds, warmUpSeconds: 1 },
    },
    {
      row: OVERLOAD_ROW,
      load: {
        ...load,
        clients: OVERLOAD_CLIENTS,
        seconds: overload.seconds,
        // The first answers come all at once, and nobody has been refused before them.
        warmUpSeconds: overload.warmUpSeconds,
        mayFail: true,
      },
    },
  ]
  return { sizeBytes: BLOCK_SIZE_BYTES, door: 'client', rows, restarts: false, fillSeconds: 0 }
}
