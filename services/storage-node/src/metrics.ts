/** What a storage node counts, declared once; each name is explained in `deploy/METRICS.md`. */
import type { SlabPool } from '@kura/core'
import type { AppendBatch, ExtentStore } from '@kura/extent'
import { StorageNode } from '@kura/proto'
import { CODES, Metrics, RpcMetrics, startsAtZero } from '@kura/runtime'
import type { SlabShares } from './slab-shares.ts'

/** What the gauges read when somebody asks. */
export interface NodeReadings {
  readonly slabs: SlabShares
  /** Undefined until the disk is open. */
  readonly store: () => ExtentStore | undefined
  readonly damageCount: () => number
  readonly connectionCount: () => number
}

export type NodeMetrics = ReturnType<typeof createMetrics>

const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256]
/** The words of the audit line. */
const OPERATIONS = ['writeRecord', 'writeRecords', 'readRecord', 'readRecords']
const GIVEN_UP = 'cancelled'

export function createMetrics(readings: NodeReadings) {
  const metrics = new Metrics('storage-node')
  addDiskGauges(metrics, readings)
  addLoadGauges(metrics, readings)
  return {
    metrics,
    calls: new RpcMetrics(metrics, Object.values(StorageNode.method)),
    ...addRequests(metrics),
    ...addAppends(metrics),
    ...addByteCounters(metrics),
  }
}

function addRequests(metrics: Metrics) {
  const requests = metrics.counters({
    name: 'requests_total',
    help: 'Requests of block bytes answered, by operation and code.',
    labels: { operation: [...OPERATIONS, 'none'], code: CODES },
    startsWith: ({ operation, code }) => OPERATIONS.includes(operation) && startsAtZero(code),
  })
  const durations = metrics.histograms({
    name: 'request_duration_seconds',
    help: 'Time from the header of a request of block bytes to its answer.',
    labels: { operation: OPERATIONS, outcome: ['ok', 'error'] },
  })
  return {
    /** Of several that came together; the others may be well. */
    countRefusedRecord(operation: 'writeRecord' | 'readRecord', code: string): void {
      requests.of({ operation, code }).inc()
    },
    observeRequest(request: {
      readonly operation: string
      readonly code: string
      readonly durationMs: number
    }): void {
      const { operation, code } = request
      requests.of({ operation, code }).inc()
      // Who gave up says nothing of how long it takes.
      if (!OPERATIONS.includes(operation) || code === GIVEN_UP) return
      const outcome = code === 'ok' ? 'ok' : 'error'
      durations.of({ operation, outcome }).observe(request.durationMs / 1000)
    },
  }
}

function addAppends(metrics: Metrics) {
  const syncSeconds = metrics.histogram({
    name: 'sync_duration_seconds',
    help: 'Time of the sync of one batch of appends.',
  })
  const batchRecords = metrics.histogram({
    name: 'append_batch_records',
    help: 'Records that shared one write and one sync.',
    buckets: BATCH_BUCKETS,
  })
  const appendedBytes = metrics.counter({
    name: 'appended_bytes_total',
    help: 'Bytes appended to extents and synced, headers and padding included.',
  })
  return {
    observeBatch({ recordCount, sizeBytes, syncMs }: AppendBatch): void {
      batchRecords.observe(recordCount)
      appendedBytes.inc(sizeBytes)
      syncSeconds.observe(syncMs / 1000)
    },
  }
}

function addByteCounters(metrics: Metrics) {
  return {
    writtenBytes: metrics.counter({
      name: 'written_bytes_total',
      help: 'Bytes of blocks made durable for callers.',
    }),
    readBytes: metrics.counter({
      name: 'read_bytes_total',
      help: 'Bytes of blocks read for callers.',
    }),
    fetchedBytes: metrics.counter({
      name: 'fetched_bytes_total',
      help: 'Bytes of blocks fetched from other copies to complete or build extents.',
    }),
    scrubbedBytes: metrics.counter({
      name: 'scrubbed_bytes_total',
      help: 'Bytes that the scrubber has read from media.',
    }),
    scrubPasses: metrics.counter({
      name: 'scrub_passes_total',
      help: 'Complete passes of the scrubber over the disk.',
    }),
  }
}

function addDiskGauges(metrics: Metrics, { store, damageCount }: NodeReadings): void {
  metrics.gauge({
    name: 'disk_size_bytes',
    help: 'Size of the disk; 0 until it is open.',
    read: () => store()?.lastSpace().totalBytes ?? 0,
  })
  metrics.gauge({
    name: 'disk_free_bytes',
    help: 'Room on the disk; open extents have theirs allocated already.',
    read: () => store()?.lastSpace().freeBytes ?? 0,
  })
  metrics.gauges({
    name: 'extents',
    help: 'Extents on this disk, by state.',
    label: 'state',
    read: () => countExtents(store()),
  })
  metrics.gauge({
    name: 'suspect',
    help: '1 while the disk is barred from acknowledging.',
    read: () => (store()?.suspect === true ? 1 : 0),
  })
  metrics.gauge({
    name: 'damages',
    help: 'Damages known on this disk.',
    read: damageCount,
  })
  metrics.gauge({
    name: 'epoch',
    help: 'The highest epoch of a volume manager that this disk obeyed.',
    read: () => store()?.epoch ?? 0,
  })
}

function addLoadGauges(metrics: Metrics, readings: NodeReadings): void {
  metrics.gauge({
    name: 'queued_appends',
    help: 'Appends that wait for the batch before them.',
    read: () => readings.store()?.queuedAppendCount() ?? 0,
  })
  metrics.gauges({
    name: 'slabs',
    help: 'Buffers that this process has, by share.',
    label: 'share',
    read: () => byShare(readings.slabs, (pool) => pool.count),
  })
  metrics.gauges({
    name: 'slabs_used',
    help: 'Buffers in use, by share.',
    label: 'share',
    read: () => byShare(readings.slabs, (pool) => pool.usedCount),
  })
  metrics.gauges({
    name: 'slab_waiters',
    help: 'Requests that wait for a buffer, by share.',
    label: 'share',
    read: () => byShare(readings.slabs, (pool) => pool.waiterCount),
  })
  metrics.gauge({
    name: 'block_connections',
    help: 'Connections of the block transport.',
    read: readings.connectionCount,
  })
}

function countExtents(store: ExtentStore | undefined): Readonly<Record<string, number>> {
  const counts = { open: 0, frozen: 0, sealed: 0 }
  for (const { state } of store?.reports() ?? []) counts[state] += 1
  return counts
}

function byShare(
  { foreground, reconstruction, background }: SlabShares,
  read: (pool: SlabPool) => number,
): Readonly<Record<string, number>> {
  return {
    foreground: read(foreground),
    reconstruction: read(reconstruction),
    background: read(background),
  }
}
