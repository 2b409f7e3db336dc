/** The loads of the memory benchmark. The first is there for the peak of goodput alone. */
import type { Extent } from '../load/plan-loads.ts'
import type { MemoryLoad } from './memory-load.ts'

/** Quick is for a look, not for a record. */
const SECONDS = {
  full: { peak: 15, each: 60 },
  quick: { peak: 5, each: 10 },
} as const

export function planMemoryLoads(extent: Extent): readonly MemoryLoad[] {
  const { peak, each } = SECONDS[extent]
  return [
    { name: '16 clients', clients: 16, slowClients: 0, seconds: peak },
    { name: '64 clients', clients: 64, slowClients: 0, seconds: each },
    { name: '320 clients', clients: 320, slowClients: 0, seconds: each },
    { name: '200 slow clients', clients: 1, slowClients: 200, seconds: each },
  ]
}
