/** What the block index counts, declared once. */
import { Metrics } from '@kura/runtime'
import type { CallRecord } from '@kura/rpc'

const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256]
const SECONDS_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]

export class IndexMetrics {
  readonly registry = new Metrics('block-index')
  readonly #calls = this.registry.counter({
    name: 'calls_total',
    help: 'Calls answered, by method and code.',
    labels: ['method', 'code'],
  })
  readonly #callSeconds = this.registry.histogram({
    name: 'call_seconds',
    help: 'Time from request to answer, by method.',
    labels: ['method'],
    buckets: SECONDS_BUCKETS,
  })
  readonly #batchOperations = this.registry.histogram({
    name: 'commit_operations',
    help: 'Operations that shared one commit.',
    buckets: BATCH_BUCKETS,
  })
  readonly #commitSeconds = this.registry.histogram({
    name: 'commit_seconds',
    help: 'Time of one transaction with its sync; the event loop stands still for it.',
    buckets: SECONDS_BUCKETS,
  })
  readonly #checkpointSeconds = this.registry.histogram({
    name: 'checkpoint_seconds',
    help: 'Time to move the log into the database file; the event loop stands still for it.',
    buckets: SECONDS_BUCKETS,
  })

  /** Gauges are read when somebody looks. */
  watch(source: { rowCount(): number; readonly waitingCount: number }): void {
    this.registry.gauge({
      name: 'rows',
      help: 'Rows of the index, live or not.',
      collect: (gauge) => gauge.set(source.rowCount()),
    })
    this.registry.gauge({
      name: 'waiting_operations',
      help: 'Operations that wait for a commit.',
      collect: (gauge) => gauge.set(source.waitingCount),
    })
  }

  observeCall(call: CallRecord): void {
    this.#calls.inc({ method: call.method, code: call.code })
    this.#callSeconds.observe({ method: call.method }, call.durationMs / 1000)
  }

  observeCommit(commit: { readonly operationCount: number; readonly durationMs: number }): void {
    this.#batchOperations.observe(commit.operationCount)
    this.#commitSeconds.observe(commit.durationMs / 1000)
  }

  observeCheckpoint(durationMs: number): void {
    this.#checkpointSeconds.observe(durationMs / 1000)
  }
}
