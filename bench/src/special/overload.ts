/**
 * What is acknowledged under five times the load that a frontend takes, against the peak.
 *
 * A frontend at default settings serves 32 blocks at a time and lets 64 more requests wait. Five
 * times as many clients as it serves are 160: they keep it full, keep its queue full, and 64 of
 * them are refused at any time and come back when the client library lets them. The peak is that of
 * sixteen clients on the same zone, before and after; the better of the two counts. Goodput is
 * acknowledged blocks only, all of which are read back at the end. What is under way when the time
 * is up counts, and so does the time that it takes, which makes the share rather too small.
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
/** Three copies of all rows of a zone, and what it preallocates, stay below 40 GiB. */
const PUT_BYTES_MAX = { peak: 1.5 * GIB, overload: 3 * GIB }

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
    if (sample !== undefined) samples.push(sample)
  }
  await session.readBack()
  const [before, overload, after] = samples
  if (before === undefined || overload === undefined || after === undefined) {
    context.tell(`${OVERLOAD_ROW}: NO FIGURE, nothing was acknowledged in time`)
    return
  }
  const peak = Math.max(rateOf(before), rateOf(after))
  const goodputShare = rateOf(overload) / peak
  const clients = { clients: OVERLOAD_CLIENTS, peakClients: PEAK_CLIENTS }
  const { failed = 0, ...others } = overload.figures ?? {}
  const figures = { ...others, failed, goodputShare, ...clients }
  context.keep(asSpecial(before, 2 * run - 1))
  context.keep(asSpecial({ ...overload, figures }, run))
  context.keep(asSpecial(after, 2 * run))
  const rates = samples.map(({ bytes, seconds }) => (bytes / MIB / seconds).toFixed(0))
  context.tell(
    `overload, round ${run} of ${plan.overload.rounds}: peak ${rates[0]} and ${rates[2]} MiB/s, ` +
      `${OVERLOAD_CLIENTS} clients ${rates[1]} MiB/s: ` +
      `${(goodputShare * 100).toFixed(0)} %, ${failed} gave up`,
  )
}

function planZone({ overload }: SpecialPlan): ZonePlan {
  const load = { door: 'client', pattern: 'put', sizeBytes: BLOCK_SIZE_BYTES } as const
  const peak: RowPlan = {
    row: PEAK_ROW,
    load: {
      ...load,
      clients: PEAK_CLIENTS,
      seconds: overload.peakSeconds,
      warmUpSeconds: 1,
      putBytesMax: PUT_BYTES_MAX.peak,
    },
  }
  const crowd: RowPlan = {
    row: OVERLOAD_ROW,
    load: {
      ...load,
      clients: OVERLOAD_CLIENTS,
      seconds: overload.seconds,
      // The first answers come all at once, and nobody has been refused before them.
      warmUpSeconds: overload.warmUpSeconds,
      putBytesMax: PUT_BYTES_MAX.overload,
      mayFail: true,
    },
  }
  const rows = [peak, crowd, peak]
  return { sizeBytes: BLOCK_SIZE_BYTES, door: 'client', rows, restarts: false, fillSeconds: 0 }
}
