/**
 * How one operation lives through failures: attempts until its deadline, each on the server that
 * looks best, with exponential back-off under full jitter and within the retry budget. Every
 * operation here may be repeated: gets change nothing, and a put of the same bytes is the same put,
 * also when the outcome of the one before is unknown.
 */
import {
  isKuraError,
  KuraError,
  randomUuid,
  toKuraError,
  type Clock,
  type ErrorCode,
  type Random,
} from '@kura/core'
import {
  BUSY_RETRY_DELAY_MS,
  RETRY_ATTEMPTS_MAX,
  RETRY_DELAY_MS_MAX,
  RETRY_DELAY_MS_MIN,
} from './limits.ts'
import type { RetryBudget } from './retry-budget.ts'
import type { ServerList } from './server-list.ts'

export interface RetryContext {
  readonly servers: ServerList
  readonly budget: RetryBudget
  readonly clock: Clock
  readonly random: Random
  readonly attemptTimeoutMs: number
  /** Aborts when the client is closed: nothing is repeated any more. */
  readonly closed: AbortSignal
}

export interface Attempt {
  readonly address: string
  /** The same for all attempts of an operation, so that the servers' logs tell one story. */
  readonly requestId: string
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

export interface OperationLimits {
  /** For the whole operation, milliseconds. */
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** Failures that say something about the server asked, not about the zone behind it. */
const SERVER_FAILURES: readonly ErrorCode[] = [
  'unavailable',
  'shutting-down',
  'overloaded',
  'rate-limited',
  'deadline-exceeded',
]

/**
 * Runs `attempt` until it succeeds or fails for good. At the deadline it throws the last failure,
 * which is then `retryable`; when the caller's signal aborts, `cancelled`.
 */
export async function runWithRetries<T>(
  context: RetryContext,
  limits: OperationLimits,
  attempt: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const { clock } = context
  const startedAtMs = clock.monotonicMs()
  const deadlineMs = startedAtMs + limits.timeoutMs
  const requestId = randomUuid(context.random)
  context.budget.earn()
  for (let attempts = 1; ; attempts += 1) {
    throwIfCancelled(limits.signal)
    const address = context.servers.pick()
    const remainingMs = Math.max(1, Math.ceil(deadlineMs - clock.monotonicMs()))
    const timeoutMs = Math.min(remainingMs, context.attemptTimeoutMs)
    let failure: KuraError
    try {
      return await attempt({ address, requestId, timeoutMs, signal: limits.signal })
    } catch (error) {
      throwIfCancelled(limits.signal)
      if (!isRetryable(error) || context.closed.aborted) throw error
      failure = toKuraError(error)
    }
    if (isKuraError(failure, ...SERVER_FAILURES)) context.servers.failed(address)
    const mayWait = attempts < RETRY_ATTEMPTS_MAX && clock.monotonicMs() < deadlineMs
    const waited =
      mayWait && (await waitForTurn(context, { attempts, deadlineMs, address, failure }, limits))
    if (!waited) throw giveUp(failure, { attempts, elapsedMs: clock.monotonicMs() - startedAtMs })
  }
}

function isRetryable(error: unknown): boolean {
  return isKuraError(error) && error.retryable
}

/** Waits for back-off and budget; false when the deadline would pass first. */
async function waitForTurn(
  context: RetryContext,
  state: {
    readonly attempts: number
    readonly deadlineMs: number
    readonly address: string
    readonly failure: KuraError
  },
  limits: OperationLimits,
): Promise<boolean> {
  const failOver = state.attempts === 1 && context.servers.hasAlternative(state.address)
  const isBusy = isKuraError(state.failure, 'overloaded', 'rate-limited')
  const growingMs = RETRY_DELAY_MS_MIN * 2 ** Math.min(state.attempts - 1, 16)
  let windowMs = isBusy ? BUSY_RETRY_DELAY_MS : growingMs
  if (failOver && context.budget.take()) return true
  for (;;) {
    windowMs = Math.min(windowMs, RETRY_DELAY_MS_MAX)
    const delayMs = context.random.next() * windowMs
    if (context.clock.monotonicMs() + delayMs >= state.deadlineMs) return false
    await sleep(context, delayMs, limits.signal)
    if (context.budget.take()) return true
    windowMs = RETRY_DELAY_MS_MAX
  }
}

async function sleep(
  context: RetryContext,
  delayMs: number,
  caller: AbortSignal | undefined,
): Promise<void> {
  const { clock, closed } = context
  const signal = caller === undefined ? closed : AbortSignal.any([caller, closed])
  try {
    await clock.sleep(delayMs, { signal })
  } catch (error) {
    throwIfCancelled(caller)
    if (!closed.aborted) throw error
    throw new KuraError('shutting-down', 'the client is closed', { cause: error })
  }
}

/** Throws `cancelled` once the caller's signal has aborted; its reason is the cause. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return
  throw new KuraError('cancelled', 'the caller gave up', { cause: signal.reason })
}

function giveUp(
  failure: KuraError,
  spent: { readonly attempts: number; readonly elapsedMs: number },
): KuraError {
  return new KuraError(failure.code, failure.message, {
    cause: failure,
    details: {
      ...failure.details,
      attempts: spent.attempts,
      elapsedMs: Math.round(spent.elapsedMs),
    },
    ...(failure.hint === undefined ? {} : { hint: failure.hint }),
  })
}
