import type { Clock } from '@kura/core'
import { Worker, type Logger } from '@kura/runtime'

/** How long a quiet index keeps rows in the log alone: durable there, only slower to open. */
const CHECKPOINT_INTERVAL_MS = 2_000

/** Moves the database's log into its file between batches; woken when the log has grown. */
export function createCheckpointer(options: {
  readonly clock: Clock
  readonly logger: Logger
  /** One checkpoint, where one is needed. */
  readonly checkpoint: () => void
}): Worker {
  const { clock, logger, checkpoint } = options
  return new Worker({
    name: 'checkpointer',
    intervalMs: CHECKPOINT_INTERVAL_MS,
    clock,
    logger,
    step: async () => checkpoint(),
  })
}
