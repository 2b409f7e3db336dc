import type { Clock } from '@kura/core'
import { Worker, type Logger } from '@kura/runtime'
import type { LeaderTerm } from '../leader-term.ts'
import { CHECKPOINT_PERIOD_MS } from '../limits.ts'

/** Moves the registry's log into its file now and then; the registry writes little. */
export function createRegistryCheckpointer(options: {
  readonly term: () => LeaderTerm | undefined
  readonly clock: Clock
  readonly logger: Logger
}): Worker {
  const { term, clock, logger } = options
  return new Worker({
    name: 'registry-checkpointer',
    intervalMs: CHECKPOINT_PERIOD_MS,
    clock,
    logger,
    step: async () => term()?.change((registry) => registry.checkpoint()),
  })
}
