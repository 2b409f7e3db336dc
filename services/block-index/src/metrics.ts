/** What the block index counts, declared once; each name is explained in `deploy/METRICS.md`. */
import { BlockIndex } from '@kura/proto'
import type { CallRecord } from '@kura/rpc'
import { CODES, Metrics, RpcMetrics } from '@kura/runtime'

const METHODS_WITH_ENTRIES = [
  BlockIndex.method.locateBlocks.localName,
  BlockIndex.method.recordBlocks.localName,
]
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256]

/** What the gauges read when somebody asks. */
export interface IndexReadings {
  /** Undefined until the database is open. */
  readonly store: () => { rowCount(): number; readonly waitingCount: number } | undefined
}

export class IndexMetrics {
  readonly registry = new Metrics('block-index')
  readonly #calls = new RpcMetrics(this.registry, Object.values(BlockIndex.method))
  readonly #entries = this.registry.counters({
    name: 'entries_total',
    help: 'Entries answered of calls that bring many, by method and code.',
    labels: { method: METHODS_WITH_ENTRIES, code: CODES },
    startsWith: ({ code }) => code === 'ok' || code === 'internal',
  })
  readonly #batchOperations = this.registry.histogram({
    name: 'commit_operations',
    help: 'Operations that shared one commit.',
    buckets: BATCH_BUCKETS,
  })
  readonly #commitSeconds = this.registry.histogram({
    name: 'commit_duration_seconds',
    help: 'Time of one transaction with its sync; the event loop stands still for it.',
  })
  readonly #checkpointSeconds = this.registry.histogram({
    name: 'checkpoint_duration_seconds',
    help: 'Time to move the log into the database file; the event loop stands still for it.',
  })

  constructor({ store }: IndexReadings) {
    this.registry.gauge({
      name: 'rows',
      help: 'Rows of the index, live or not.',
      read: () => store()?.rowCount() ?? 0,
    })
    this.registry.gauge({
      name: 'waiting_operations',
      help: 'Operations that wait for a commit.',
      read: () => store()?.waitingCount ?? 0,
    })
  }

  observeCall(call: CallRecord): void {
    this.#calls.observe(call)
  }

  observeEntry({ method, code }: { readonly method: string; readonly code: string }): void {
    this.#entries.of({ method, code }).inc()
  }

  observeCommit(commit: { readonly operationCount: number; readonly durationMs: number }): void {
    this.#batchOperations.observe(commit.operationCount)
    this.#commitSeconds.observe(commit.durationMs / 1000)
  }

  observeCheckpoint(durationMs: number): void {
    this.#checkpointSeconds.observe(durationMs / 1000)
  }
}
