import { Metrics } from '@kura/runtime'

/** What the gauges read when somebody asks. */
export interface NodeReadings {
  readonly slabsUsed: () => { readonly foreground: number; readonly reconstruction: number }
  readonly damageCount: () => number
  readonly suspect: () => boolean
  readonly connectionCount: () => number
  readonly extentCount: () => number
}

export type NodeMetrics = ReturnType<typeof createMetrics>

export function createMetrics(readings: NodeReadings) {
  const metrics = new Metrics('storage-node')
  addGauges(metrics, readings)
  return {
    metrics,
    requestSeconds: metrics.histogram({
      name: 'request_seconds',
      help: 'Time from the header of a request to its answer.',
      labels: ['operation', 'code'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    }),
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

function addGauges(metrics: Metrics, readings: NodeReadings): void {
  metrics.gauge({
    name: 'slabs_used',
    help: 'Buffers in use, by share.',
    labels: ['share'],
    collect: (gauge) => {
      const used = readings.slabsUsed()
      gauge.set({ share: 'foreground' }, used.foreground)
      gauge.set({ share: 'reconstruction' }, used.reconstruction)
    },
  })
  metrics.gauge({
    name: 'damages',
    help: 'Damages known on this disk.',
    collect: (gauge) => gauge.set(readings.damageCount()),
  })
  metrics.gauge({
    name: 'suspect',
    help: '1 while the disk is barred from acknowledging.',
    collect: (gauge) => gauge.set(readings.suspect() ? 1 : 0),
  })
  metrics.gauge({
    name: 'block_connections',
    help: 'Connections of the block transport.',
    collect: (gauge) => gauge.set(readings.connectionCount()),
  })
  metrics.gauge({
    name: 'extents',
    help: 'Extents on this disk.',
    collect: (gauge) => gauge.set(readings.extentCount()),
  })
}
