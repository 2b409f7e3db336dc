/**
 * Part `load`: what a zone does and costs at each door, for blocks of each size and any number of
 * clients, and how it bears hot blocks, a dead node, and arrivals that do not wait.
 */
import { GIB, isKuraError, KuraError, MIB } from '@kura/core'
import type { PartContext, RunPart } from '../part.ts'
import type { Sample } from '../results/sample.ts'
import { LoadSession, type ReadBack } from './load-session.ts'
import type { LoadSite } from './load-site.ts'
import { planZones, type RowPlan, type ZonePlan } from './plan-loads.ts'
import { removeLeftovers } from './remove-leftovers.ts'
import { ZoneRelay } from './zone-relay.ts'

export const runLoad: RunPart = async (context) => {
  const plans = wantedOf(planZones(context.isQuick ? 'quick' : 'full'), context)
  for (const name of await removeLeftovers(context.cacheFolder)) {
    context.tell(`removed ${name}, which a bench that was killed has left`)
  }
  await using relay = new ZoneRelay(context)
  relay.begin(plans[0])
  for (const [index, plan] of plans.entries()) {
    await using site = await relay.take()
    context.tell(`zone ${index + 1} of ${plans.length}`)
    await measureSite(site, plan, { context, onMeasured: () => relay.begin(plans[index + 1]) })
  }
}

/** Zones with those of their rows that the user asked for; a get stores what it needs itself. */
export function wantedOf(plans: readonly ZonePlan[], context: PartContext): readonly ZonePlan[] {
  return plans
    .map((plan) => ({ ...plan, rows: plan.rows.filter(({ row }) => context.wants(row)) }))
    .filter(({ rows }) => rows.length > 0)
}

/** All rows of a site; they count when all that was put has been read back. */
export async function measureSite(
  site: LoadSite,
  plan: ZonePlan,
  options: {
    readonly context: PartContext
    /** Told when only the reading back is left. */
    readonly onMeasured?: () => void
  },
): Promise<void> {
  const { context, onMeasured } = options
  const session = new LoadSession(site, plan, context)
  const samples: Sample[] = []
  for (const row of plan.rows) {
    const sample = await measureNamed(session, row)
    if (sample === undefined) context.tell(`${row.row}: NO FIGURE, nothing was answered in time`)
    else {
      samples.push(sample)
      context.tell(describe(sample))
    }
  }
  onMeasured?.()
  const readBack = await session.readBack()
  for (const sample of samples) context.keep(sample)
  context.tell(describeReadBack(readBack))
}

/** An error of a row says which. */
async function measureNamed(session: LoadSession, row: RowPlan): Promise<Sample | undefined> {
  try {
    return await session.measure(row)
  } catch (error) {
    if (!isKuraError(error)) throw error
    const { code, details, hint } = error
    throw new KuraError(code, `${row.row}: ${error.message}`, {
      details,
      cause: error,
      ...(hint === undefined ? {} : { hint }),
    })
  }
}

function describeReadBack({ blockCount, atEndCount, seconds, retries }: ReadBack): string {
  const atEnd = `${atEndCount} of them now, in ${seconds.toFixed(1)} s`
  const asked = retries === 0 ? '' : `; asked again ${retries} times`
  return `read back all ${blockCount} blocks, ${atEnd}${asked}`
}

function describe(sample: Sample): string {
  const { row, seconds, operations, bytes, latency, processorSeconds, retries = 0 } = sample
  const { figures = {} } = sample
  const spent = Object.values(processorSeconds).reduce((sum, each) => sum + each, 0)
  const ms = (us: number): string => `${(us / 1000).toFixed(1)} ms`
  const parts = [
    `${(bytes / MIB / seconds).toFixed(0)} MiB/s`,
    `${(operations / seconds).toFixed(0)} op/s`,
    ...(latency === undefined ? [] : [`p50 ${ms(latency.p50Us)}`, `p99 ${ms(latency.p99Us)}`]),
    ...(spent === 0 ? [] : [`${((spent * GIB) / bytes).toFixed(2)} processor s/GiB`]),
    ...(retries === 0 ? [] : [`asked again ${retries} times`]),
    ...['failed', 'repeated', 'setMib']
      .filter((name) => figures[name] !== undefined)
      .map((name) => `${name} ${figures[name]?.toFixed(0)}`),
  ]
  return `${row}: ${parts.join(', ')}`
}
