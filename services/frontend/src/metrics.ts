import { Metrics } from '@kura/runtime'

/** What the gauges read when somebody asks. */
export interface FrontendReadings {
  readonly slabsUsed: () => number
  readonly heldBytes: () => number
  readonly admissionWaiters: () => number
  readonly activeClients: () => number
  readonly blockConnections: () => number
  readonly grpcConnections: () => number
  readonly httpConnections: () => number
  readonly openVolumes: () => number
  readonly avoidedVolumes: () => number
  readonly loopDelayMs: () => number
}

export type FrontendMetrics = ReturnType<typeof createMetrics>

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30]

export function createMetrics(readings: FrontendReadings) {
  const metrics = new Metrics('frontend')
  addGauges(metrics, readings)
  return {
    metrics,
    requestSeconds: metrics.histogram({
      name: 'request_seconds',
      help: 'Time from the header of a request to the end of its answer.',
      labels: ['door', 'operation', 'outcome'],
      buckets: SECONDS,
    }),
    replicaSeconds: metrics.histogram({
      name: 'replica_seconds',
      help: 'Time of one exchange with a storage node.',
      labels: ['operation', 'outcome'],
      buckets: SECONDS,
    }),
    receivedBytes: metrics.counter({
      name: 'received_bytes_total',
      help: 'Bytes of blocks received from callers.',
    }),
    sentBytes: metrics.counter({
      name: 'sent_bytes_total',
      help: 'Bytes of blocks sent to callers.',
    }),
    putRetries: metrics.counter({
      name: 'put_retries_total',
      help: 'Puts that went on to another volume.',
      labels: ['code'],
    }),
    indexRetries: metrics.counter({
      name: 'index_retries_total',
      help: 'Calls of the block index that were made again.',
    }),
    readFailovers: metrics.counter({
      name: 'read_failovers_total',
      help: 'Reads that went on to another copy.',
      labels: ['code'],
    }),
    readRelocations: metrics.counter({
      name: 'read_relocations_total',
      help: 'Reads that asked index and volume manager again where the block is.',
    }),
    hedges: metrics.counter({
      name: 'hedges_total',
      help: 'Second reads started because the first was slow, by who won.',
      labels: ['winner'],
    }),
    failureReports: metrics.counter({
      name: 'failure_reports_total',
      help: 'Failures of copies told to a volume manager.',
      labels: ['operation', 'code'],
    }),
  }
}

function addGauges(metrics: Metrics, readings: FrontendReadings): void {
  metrics.gauge({
    name: 'slabs_used',
    help: 'Blocks held now.',
    collect: (gauge) => gauge.set(readings.slabsUsed()),
  })
  metrics.gauge({
    name: 'held_bytes',
    help: 'Bytes of the blocks held now.',
    collect: (gauge) => gauge.set(readings.heldBytes()),
  })
  metrics.gauge({
    name: 'active_clients',
    help: 'Clients among whom the buffers are shared now.',
    collect: (gauge) => gauge.set(readings.activeClients()),
  })
  metrics.gauge({
    name: 'admission_waiters',
    help: 'Requests that wait for a buffer.',
    collect: (gauge) => gauge.set(readings.admissionWaiters()),
  })
  metrics.gauge({
    name: 'block_connections',
    help: 'Connections of clients on the block transport.',
    collect: (gauge) => gauge.set(readings.blockConnections()),
  })
  metrics.gauge({
    name: 'grpc_connections',
    help: 'Connections of callers on the gRPC door.',
    collect: (gauge) => gauge.set(readings.grpcConnections()),
  })
  metrics.gauge({
    name: 'http_connections',
    help: 'Connections of callers at the HTTP door.',
    collect: (gauge) => gauge.set(readings.httpConnections()),
  })
  metrics.gauge({
    name: 'open_volumes',
    help: 'Open volumes known from the cell maps.',
    collect: (gauge) => gauge.set(readings.openVolumes()),
  })
  metrics.gauge({
    name: 'avoided_volumes',
    help: 'Volumes that get no puts for a while after a failure.',
    collect: (gauge) => gauge.set(readings.avoidedVolumes()),
  })
  metrics.gauge({
    name: 'loop_delay_milliseconds',
    help: 'Recent delay of the event loop.',
    collect: (gauge) => gauge.set(readings.loopDelayMs()),
  })
}
