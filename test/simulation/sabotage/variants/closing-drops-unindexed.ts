import { addFaults, type AddedFault } from '../add-faults.ts'
import { processesOf, type Plan } from '../../plan/plan.ts'
import type { SimulatedVariant } from '../simulated-variant.ts'

const ROW_DELAY_MS = 700

export const closingDropsUnindexed: SimulatedVariant = {
  name: 'closing-drops-unindexed',
  what: 'closing leaves out the records that no row of the block index names yet',
  edits: [
    {
      file: 'services/volume-manager/src/block-index-gates.ts',
      fragment: '  close(): void {',
      replacement: `  async isIndexed(hash: string): Promise<boolean> {
    const { found } = await this.#client.locateBlock({ hash: Buffer.from(hash, 'hex') })
    return found
  }

  close(): void {`,
    },
    {
      file: 'services/volume-manager/src/closing/close-volume.ts',
      fragment: '  const union = uniteRecords(copies)',
      replacement: `  const all = uniteRecords(copies)
  const records = new Map(all.records)
  for (const hash of all.records.keys()) {
    if (!(await cell.gates.isIndexed(hash))) records.delete(hash)
  }
  const union = uniteRecords([{ records }])`,
    },
    // A copy that holds more than the union is built anew.
    {
      file: 'services/volume-manager/src/closing/complete-copies.ts',
      fragment: 'const equal = own.find((copy) => missingFrom(copy, union).length === 0)',
      replacement: `const hasMore = (copy: ReadCopy) =>
    [...copy.records.keys()].some((hash) => !union.records.has(hash))
  const equal = own.find((copy) => missingFrom(copy, union).length === 0 && !hasMore(copy))`,
    },
    {
      file: 'services/volume-manager/src/closing/complete-copies.ts',
      fragment: `report.canComplete && report.state === 'frozen')`,
      replacement: `report.canComplete && report.state === 'frozen' && !own.some(hasMore))`,
    },
  ],
  tilt: delayRows,
  tiltedBy: 'rows come late to the block index, while volumes close for want of a node',
}

function delayRows(plan: Plan): Plan {
  const { frontends, storageNodes } = plan.topology
  const forMs = plan.faultPhaseMs
  const way = { kind: 'network', to: 'block-index-1', effect: 'delay' } as const
  const late = processesOf('frontend', frontends).map((from): AddedFault => {
    return { ...way, from, atMs: 0, amount: ROW_DELAY_MS, forMs }
  })
  const kills = [0.2, 0.35, 0.5, 0.65, 0.8].map((part, index): AddedFault => {
    const node = ((plan.seed + index) % storageNodes) + 1
    const atMs = plan.faultPhaseMs * part
    return { atMs, kind: 'kill', process: `storage-node-${node}`, restartAfterMs: 200 }
  })
  return addFaults(plan, [...late, ...kills])
}
