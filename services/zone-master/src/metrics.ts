/** What the zone master counts, declared once. */
import type { CallRecord } from '@kura/rpc'
import { Metrics } from '@kura/runtime'
import type { LeaderTerm } from './leader-term.ts'

export class MasterMetrics {
  readonly registry = new Metrics('zone-master')
  readonly #calls = this.registry.counter({
    name: 'calls_total',
    help: 'Calls answered, by method and code.',
    labels: ['method', 'code'],
  })
  readonly #callSeconds = this.registry.histogram({
    name: 'call_seconds',
    help: 'Time from request to answer, by method; for a watch, how long it lasted.',
    labels: ['method'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 60, 3600],
  })

  /** Gauges are read when somebody looks. */
  watch(term: () => LeaderTerm | undefined): void {
    this.registry.gauge({
      name: 'leading',
      help: '1 while this instance leads.',
      collect: (gauge) => gauge.set(term() === undefined ? 0 : 1),
    })
    this.registry.gauge({
      name: 'epoch',
      help: 'The epoch of this leader; 0 on a standby.',
      collect: (gauge) => gauge.set(term()?.registry.epoch ?? 0),
    })
    this.registry.gauge({
      name: 'disks',
      help: 'Disks of the registry, by state; none on a standby.',
      labels: ['state'],
      collect: (gauge) => {
        gauge.reset()
        for (const { state } of term()?.registry.disks() ?? []) gauge.inc({ state })
      },
    })
    this.registry.gauge({
      name: 'cell_report_age_seconds',
      help: 'Time since the volume manager of a cell last reported.',
      labels: ['cell'],
      collect: (gauge) => {
        gauge.reset()
        for (const { status, ageMs } of term()?.reports.all() ?? []) {
          gauge.set({ cell: String(status.cellId) }, ageMs / 1000)
        }
      },
    })
  }

  observeCall(call: CallRecord): void {
    this.#calls.inc({ method: call.method, code: call.code })
    this.#callSeconds.observe({ method: call.method }, call.durationMs / 1000)
  }
}
