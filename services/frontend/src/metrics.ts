/** What the frontend counts, declared once; each name is explained in `deploy/METRICS.md`. */
import { CODES, Metrics, startsAtZero } from '@kura/runtime'
import type { Door } from './steps/put-call.ts'

/** What the gauges read when somebody asks. */
export interface FrontendReadings {
  readonly slabs: () => { readonly count: number; readonly usedCount: number }
  readonly heldBytes: () => number
  readonly admissionWaiters: () => number
  readonly activeClients: () => number
  readonly indexWaiters: () => number
  readonly connections: () => Readonly<Record<Door, number>>
  readonly openVolumes: () => number
  readonly avoidedVolumes: () => number
}

export type FrontendMetrics = ReturnType<typeof createMetrics>

const DOORS: readonly Door[] = ['block', 'http', 'grpc']
/** The words of the audit line. */
const BLOCK_OPERATIONS = ['putBlock', 'getBlock', 'statBlock', 'putBlocks', 'getBlocks']
const OPERATIONS = [...BLOCK_OPERATIONS, 'none']
const OUTCOMES = [...CODES, 'already-stored', 'not-modified']
const COPY_OPERATIONS = ['write', 'read']
const REFUSALS = ['overloaded', 'rate-limited']

export function createMetrics(readings: FrontendReadings) {
  const metrics = new Metrics('frontend')
  addGauges(metrics, readings)
  return { metrics, ...addRequests(metrics), ...addPutMetrics(metrics), ...addGetMetrics(metrics) }
}

function addRequests(metrics: Metrics) {
  const requests = metrics.counters({
    name: 'requests_total',
    help: 'Requests answered, by door, operation and code.',
    labels: { door: DOORS, operation: OPERATIONS, code: OUTCOMES },
    startsWith: ({ operation, code }) => BLOCK_OPERATIONS.includes(operation) && startsAtZero(code),
  })
  const durations = metrics.histograms({
    name: 'request_duration_seconds',
    help: 'Time from the header of a request to the end of its answer.',
    labels: { door: DOORS, operation: BLOCK_OPERATIONS, outcome: ['ok', 'error'] },
  })
  return {
    observeRequest(request: {
      readonly door: Door
      readonly operation: string
      readonly code: string
      readonly durationMs: number
    }): void {
      const { door, operation, code } = request
      requests.of({ door, operation, code }).inc()
      if (!BLOCK_OPERATIONS.includes(operation)) return
      const outcome = GOOD_OUTCOMES.has(code) ? 'ok' : 'error'
      durations.of({ door, operation, outcome }).observe(request.durationMs / 1000)
    },
    receivedBytes: metrics.counters({
      name: 'received_bytes_total',
      help: 'Bytes of blocks received from callers.',
      labels: { door: DOORS },
    }),
    sentBytes: metrics.counters({
      name: 'sent_bytes_total',
      help: 'Bytes of blocks sent to callers.',
      labels: { door: DOORS },
    }),
    admissionRefusals: metrics.counters({
      name: 'admission_refusals_total',
      help: 'Requests that got no buffer, by what they were told.',
      labels: { code: REFUSALS },
    }),
  }
}

const GOOD_OUTCOMES: ReadonlySet<string> = new Set(['ok', 'already-stored', 'not-modified'])

function addPutMetrics(metrics: Metrics) {
  const copyDurations = metrics.histograms({
    name: 'copy_duration_seconds',
    help: 'Time of one exchange with a storage node that went well.',
    labels: { operation: COPY_OPERATIONS },
  })
  return {
    copySeconds: {
      write: copyDurations.of({ operation: 'write' }),
      read: copyDurations.of({ operation: 'read' }),
    },
    copyFailures: metrics.counters({
      name: 'copy_failures_total',
      help: 'Exchanges with a storage node that failed, by code.',
      labels: { operation: COPY_OPERATIONS, code: CODES },
      startsWith: ({ code }) => code !== 'ok' && startsAtZero(code),
    }),
    putRetries: metrics.counters({
      name: 'put_retries_total',
      help: 'Puts that went on to another volume, by why.',
      labels: { code: CODES },
      startsWith: ({ code }) => code !== 'ok' && startsAtZero(code),
    }),
    indexRetries: metrics.counter({
      name: 'index_retries_total',
      help: 'Calls of the block index that were made again.',
    }),
    failureReports: metrics.counters({
      name: 'failure_reports_total',
      help: 'Failures of copies told to a volume manager.',
      labels: { operation: COPY_OPERATIONS },
    }),
  }
}

function addGetMetrics(metrics: Metrics) {
  return {
    degradedReads: metrics.counter({
      name: 'degraded_reads_total',
      help: 'Blocks read although a copy of them failed.',
    }),
    readFailovers: metrics.counters({
      name: 'read_failovers_total',
      help: 'Reads that went on to another copy, by why.',
      labels: { code: CODES },
      startsWith: ({ code }) => code !== 'ok' && startsAtZero(code),
    }),
    readRelocations: metrics.counter({
      name: 'read_relocations_total',
      help: 'Reads that asked index and volume manager again where the block is.',
    }),
    hedges: metrics.counters({
      name: 'hedges_total',
      help: 'Second reads started because the first was slow, by who won.',
      labels: { winner: ['first', 'hedge'] },
    }),
  }
}

function addGauges(metrics: Metrics, readings: FrontendReadings): void {
  metrics.gauge({
    name: 'slabs',
    help: 'Buffers that this process has: blocks that it can hold at once.',
    read: () => readings.slabs().count,
  })
  metrics.gauge({
    name: 'slabs_used',
    help: 'Buffers in use.',
    read: () => readings.slabs().usedCount,
  })
  metrics.gauge({
    name: 'held_bytes',
    help: 'Bytes of the blocks held now.',
    read: readings.heldBytes,
  })
  metrics.gauge({
    name: 'active_clients',
    help: 'Clients among whom the buffers are shared now.',
    read: readings.activeClients,
  })
  metrics.gauge({
    name: 'admission_waiters',
    help: 'Requests that wait for a buffer.',
    read: readings.admissionWaiters,
  })
  metrics.gauge({
    name: 'index_waiters',
    help: 'Blocks that wait for a call of the block index.',
    read: readings.indexWaiters,
  })
  metrics.gauges({
    name: 'connections',
    help: 'Open connections of callers, by door.',
    label: 'door',
    read: readings.connections,
  })
  metrics.gauge({
    name: 'open_volumes',
    help: 'Open volumes known from the cell maps.',
    read: readings.openVolumes,
  })
  metrics.gauge({
    name: 'avoided_volumes',
    help: 'Volumes that get no puts for a while after a failure.',
    read: readings.avoidedVolumes,
  })
}
