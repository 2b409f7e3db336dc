import type { Metrics } from '@kura/runtime'
import type { Cell } from './cell.ts'

/** Gauges read from the cell whenever they are asked for; nothing while another instance leads. */
export function registerMetrics(metrics: Metrics, lead: () => Cell | undefined): void {
  metrics.gauge({
    name: 'leading',
    help: '1 while this instance leads its cell',
    collect: (gauge) => gauge.set(lead() === undefined ? 0 : 1),
  })
  metrics.gauge({
    name: 'volumes',
    help: 'Volumes by state',
    labels: ['state'],
    collect: (gauge) => {
      for (const [state, count] of Object.entries(lead()?.table.volumes.countByState() ?? {})) {
        gauge.set({ state }, count)
      }
    },
  })
  metrics.gauge({
    name: 'under_replicated_volumes',
    help: 'Closed volumes with fewer copies in force than they should have',
    collect: (gauge) => gauge.set(lead()?.table.volumes.underReplicatedCount() ?? 0),
  })
  metrics.gauge({
    name: 'alarms',
    help: 'Alarms standing now',
    collect: (gauge) => gauge.set(lead()?.alarms.list().length ?? 0),
  })
}
