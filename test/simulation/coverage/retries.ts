/**
 * The branches in which production tries again, by a name. Most count themselves in a metric, which
 * is read at the end of each life; the rest shows in marks that are passed again, in addresses
 * that are asked for anew, and in requests that no operation asked for. `gate-closed` is not among
 * them: nobody shuts the gate of a bucket as long as no volume moves.
 */
import type { Mark } from '@kura/core'
import type { MetricSample } from './metric-samples.ts'

interface CountedRetry {
  readonly metric: string
  /** Only samples with this in their labels. */
  readonly label?: string
}

const COUNTED: Readonly<Record<string, CountedRetry>> = {
  'put.other-volume': { metric: 'kura_frontend_put_retries_total' },
  'put.extent-frozen': { metric: 'kura_frontend_put_retries_total', label: 'code="extent-frozen"' },
  'index.called-again': { metric: 'kura_frontend_index_retries_total' },
  'get.other-copy': { metric: 'kura_frontend_read_failovers_total' },
  'get.row-read-again': { metric: 'kura_frontend_read_relocations_total' },
  'get.hedged': { metric: 'kura_frontend_hedges_total' },
  'close.failed': { metric: 'kura_volume_manager_close_failures_total' },
  'repair.failed': { metric: 'kura_volume_manager_repairs_total', label: 'outcome="error"' },
}

const REQUESTS = 'kura_frontend_requests_total'
const REPAIRS = 'kura_volume_manager_repairs_total'
/** Where all of it is counted. */
export const RETRY_METRICS: readonly string[] = [
  ...new Set([...Object.values(COUNTED).map(({ metric }) => metric), REQUESTS, REPAIRS]),
]

/** A mark of one volume that is passed again before that other mark: the work began anew. */
const BEGUN_AGAIN: readonly {
  readonly name: string
  readonly again: Mark
  readonly until: Mark
}[] = [
  { name: 'close.frozen-again', again: 'close.frozen', until: 'table.volume.closed' },
  { name: 'close.collected-again', again: 'close.collected', until: 'table.volume.closed' },
  { name: 'repair.begun-again', again: 'table.repair.begun', until: 'table.repair.done' },
]

/** Told by the simulated RPC. */
const NEW_ADDRESSES = ['order.new-address', 'call.new-address'] as const
const CLIENT_AGAIN = 'client.asked-again'

/** What comes after `retry:` in the coverage, all of it. */
export const RETRIES: readonly string[] = [
  ...Object.keys(COUNTED),
  ...BEGUN_AGAIN.map(({ name }) => name),
  ...NEW_ADDRESSES,
  CLIENT_AGAIN,
]

export const REPAIR_FINISHED = 'repair:finished'

/** Sums over all lives. `operationCount`: what clients were asked to do. */
export function countRetries(
  samples: readonly MetricSample[],
  operationCount: number,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  const add = (key: string, value: number): void => {
    if (value > 0) counts.set(key, (counts.get(key) ?? 0) + value)
  }
  let requestCount = 0
  for (const { name, labels, value } of samples) {
    for (const [retry, { metric, label = '' }] of Object.entries(COUNTED)) {
      if (metric === name && labels.includes(label)) add(`retry:${retry}`, value)
    }
    if (name === REPAIRS && labels.includes('outcome="ok"')) add(REPAIR_FINISHED, value)
    if (name === REQUESTS) requestCount += value
  }
  // At least so many: what a frontend did not answer before it died is not counted.
  add(`retry:${CLIENT_AGAIN}`, requestCount - operationCount)
  return counts
}

/** Counts work on a volume that began anew, by the marks that it passes. */
export class BegunAgain {
  readonly counts = new Map<string, number>()
  readonly #begun = new Set<string>()

  pass(mark: Mark, fields: unknown): void {
    for (const { name, again, until } of BEGUN_AGAIN) {
      if (mark !== again && mark !== until) continue
      const { volumeId } = fields as { readonly volumeId: number }
      const work = `${name} ${volumeId}`
      if (mark === until) this.#begun.delete(work)
      else if (this.#begun.has(work)) this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
      else this.#begun.add(work)
    }
  }
}
