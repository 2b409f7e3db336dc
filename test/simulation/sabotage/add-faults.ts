import type { FaultAction, Plan, PlannedFault } from '../plan/plan.ts'

export type AddedFault = FaultAction & { readonly atMs: number }

/** Further faults, in their place among those that the plan has. */
export function addFaults(plan: Plan, added: readonly AddedFault[]): Plan {
  const first = Math.max(-1, ...plan.faults.map(({ id }) => id)) + 1
  const further = added.map((fault, index): PlannedFault => {
    return { ...fault, id: first + index, atMs: Math.floor(fault.atMs) }
  })
  return { ...plan, faults: [...plan.faults, ...further].sort((a, b) => a.atMs - b.atMs) }
}
