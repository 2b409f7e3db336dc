/** What the zone master counts, declared once; each name is explained in `deploy/METRICS.md`. */
import { DISK_STATES } from '@kura/core'
import { ZoneMaster } from '@kura/proto'
import type { CallRecord } from '@kura/rpc'
import { Metrics, RpcMetrics } from '@kura/runtime'
import type { LeaderTerm } from './leader-term.ts'

export class MasterMetrics {
  readonly registry = new Metrics('zone-master')
  readonly #calls = new RpcMetrics(this.registry, Object.values(ZoneMaster.method))

  /** The gauges are read when somebody looks; on a standby they are 0. */
  constructor(term: () => LeaderTerm | undefined) {
    this.registry.gauge({
      name: 'leading',
      help: '1 while this instance leads.',
      read: () => (term() === undefined ? 0 : 1),
    })
    this.registry.gauge({
      name: 'epoch',
      help: 'The epoch of this leader.',
      read: () => term()?.registry.epoch ?? 0,
    })
    this.registry.gauge({
      name: 'cells',
      help: 'Cells of the registry.',
      read: () => term()?.registry.zoneMap().cells.length ?? 0,
    })
    this.registry.gauges({
      name: 'disks',
      help: 'Disks of the registry, by state.',
      label: 'state',
      read: () => countDisks(term()),
    })
    this.registry.gauges({
      name: 'cell_report_age_seconds',
      help: 'Time since the volume manager of a cell last reported.',
      label: 'cell',
      read: () => readReportAges(term()),
    })
  }

  observeCall(call: CallRecord): void {
    this.#calls.observe(call)
  }
}

function countDisks(term: LeaderTerm | undefined): Readonly<Record<string, number>> {
  const counts: Record<string, number> = Object.fromEntries(DISK_STATES.map((state) => [state, 0]))
  for (const { state } of term?.registry.disks() ?? []) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

function readReportAges(term: LeaderTerm | undefined): Readonly<Record<string, number>> {
  const reports = term?.reports.all() ?? []
  return Object.fromEntries(reports.map(({ status, ageMs }) => [status.cellId, ageMs / 1000]))
}
