/** Part `special`: rows that are about more than the speed of one load. */
import type { PartContext, RunPart } from '../part.ts'
import { removeLeftovers } from '../load/remove-leftovers.ts'
import { largeIndexRows, measureLargeIndex } from './large-index.ts'
import { measureOverload, OVERLOAD_ROWS } from './overload.ts'
import { measureRestart, restartRows } from './restart.ts'
import { planSpecial, type SpecialPlan } from './special.ts'

interface Special {
  readonly rows: (plan: SpecialPlan) => readonly string[]
  readonly measure: (context: PartContext, plan: SpecialPlan) => Promise<void>
}

const SPECIALS: readonly Special[] = [
  { rows: restartRows, measure: measureRestart },
  { rows: largeIndexRows, measure: measureLargeIndex },
  { rows: () => OVERLOAD_ROWS, measure: measureOverload },
]

export const runSpecial: RunPart = async (context) => {
  const plan = planSpecial(context.isQuick)
  await removeLeftovers(context.cacheFolder)
  if (context.isQuick) {
    const { largeIndex, restart } = plan
    context.tell(
      `shrunk: an index of ${largeIndex.rowsName} rows, ${restart.extentCount} sealed extents, ` +
        'which are rows of their own and not those of the table',
    )
  }
  for (const { rows, measure } of SPECIALS) {
    if (rows(plan).some((row) => context.wants(row))) await measure(context, plan)
  }
}
