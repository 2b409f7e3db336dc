/** What the volume manager counts, declared once; each name is explained in `deploy/METRICS.md`. */
import { DISK_STATES, VOLUME_STATES, type DiskInfo } from '@kura/core'
import { VolumeManager } from '@kura/proto'
import type { CallRecord } from '@kura/rpc'
import { Metrics, RpcMetrics } from '@kura/runtime'
import type { Cell } from './cell.ts'

/** A close waits for copies that may come back: from tens of milliseconds to many minutes. */
const CLOSE_BUCKETS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800]

export class ManagerMetrics {
  readonly registry = new Metrics('volume-manager')
  readonly #calls = new RpcMetrics(this.registry, Object.values(VolumeManager.method))
  readonly #closeSeconds = this.registry.histogram({
    name: 'close_duration_seconds',
    help: 'Time from the decision to close a volume until it is closed.',
    buckets: CLOSE_BUCKETS_SECONDS,
  })
  readonly #closeFailures = this.registry.counter({
    name: 'close_failures_total',
    help: 'Attempts to close a volume that failed and are made again.',
  })
  readonly #repairs = this.registry.counters({
    name: 'repairs_total',
    help: 'Repairs of closed volumes, by outcome.',
    labels: { outcome: ['ok', 'error'] },
  })

  /** The gauges are read when somebody looks; while another instance leads they are 0. */
  constructor(lead: () => Cell | undefined) {
    this.#addVolumeGauges(lead)
    this.#addDiskGauges(lead)
    this.registry.gauge({
      name: 'leading',
      help: '1 while this instance leads its cell.',
      read: () => (lead() === undefined ? 0 : 1),
    })
    this.registry.gauge({
      name: 'epoch',
      help: 'The epoch of this leader.',
      read: () => lead()?.table.epoch ?? 0,
    })
    this.registry.gauge({
      name: 'alarms',
      help: 'Alarms standing now.',
      read: () => lead()?.alarms.list().length ?? 0,
    })
  }

  observeCall(call: CallRecord): void {
    this.#calls.observe(call)
  }

  observeClose(durationMs: number): void {
    this.#closeSeconds.observe(durationMs / 1000)
  }

  noteCloseFailure(): void {
    this.#closeFailures.inc()
  }

  noteRepair(outcome: 'ok' | 'error'): void {
    this.#repairs.of({ outcome }).inc()
  }

  #addVolumeGauges(lead: () => Cell | undefined): void {
    this.registry.gauges({
      name: 'volumes',
      help: 'Volumes, by state.',
      label: 'state',
      read: () => lead()?.table.volumes.countByState() ?? zeros(VOLUME_STATES),
    })
    this.registry.gauge({
      name: 'usable_volumes',
      help: 'Open volumes all of whose disks are reachable and take writes.',
      read: () => countUsable(lead()),
    })
    this.registry.gauge({
      name: 'under_replicated_volumes',
      help: 'Closed volumes with fewer copies in force than they should have.',
      read: () => lead()?.table.volumes.underReplicatedCount() ?? 0,
    })
  }

  #addDiskGauges(lead: () => Cell | undefined): void {
    this.registry.gauges({
      name: 'disks',
      help: 'Disks of the cell, by state.',
      label: 'state',
      read: () => countDisks(lead()),
    })
    this.registry.gauge({
      name: 'unreachable_disks',
      help: 'Disks that do not answer, whatever their state.',
      read: () =>
        lead()
          ?.view.infos()
          .filter(({ reachable }) => !reachable).length ?? 0,
    })
  }
}

function countUsable(cell: Cell | undefined): number {
  if (cell === undefined) return 0
  const { table, view } = cell
  return table.volumes
    .alive()
    .filter(({ state }) => state === 'open')
    .filter(({ extents }) => extents.every(({ diskUuid }) => isFit(view.info(diskUuid)))).length
}

/** As frontends see it when they pick a volume. */
function isFit({ reachable, state }: DiskInfo): boolean {
  return reachable && (state === 'in-service' || state === 'joining')
}

function countDisks(cell: Cell | undefined): Readonly<Record<string, number>> {
  const counts = zeros(DISK_STATES)
  for (const { state } of cell?.view.infos() ?? []) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

function zeros(names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, 0]))
}
