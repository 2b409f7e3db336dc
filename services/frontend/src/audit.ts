import { toKuraError, type BlockHash, type ErrorCode } from '@kura/core'
import type { FrontendContext } from './frontend-context.ts'
import type { Door } from './steps/put-call.ts'

/** What one request turned out to be; its door fills it in. */
export interface AuditLine {
  readonly door: Door
  operation: string
  readonly requestId: string
  blockHash?: BlockHash | undefined
  sizeBytes?: number | undefined
  /** `ok`, a word for a good answer that is none, or an error's code. */
  outcome: string
}

/** Runs a request: exactly one audit line and one observation, however it ends. */
export async function audited<T>(
  frontend: FrontendContext,
  line: AuditLine,
  run: () => Promise<T>,
): Promise<T> {
  const startedAtMs = frontend.clock.monotonicMs()
  try {
    return await run()
  } catch (error) {
    line.outcome = codeOf(frontend, error)
    throw error
  } finally {
    audit(frontend, line, frontend.clock.monotonicMs() - startedAtMs)
  }
}

/** One audit line and one observation, of a request that has ended as the line says. */
export function audit(frontend: FrontendContext, line: AuditLine, durationMs: number): void {
  const { door, operation, outcome } = line
  frontend.metrics.observeRequest({ door, operation, code: outcome, durationMs })
  frontend.loggers.audit.info({ ...line, durationMs }, 'request')
}

function codeOf(frontend: FrontendContext, error: unknown): ErrorCode {
  const { code, cause } = toKuraError(error)
  if (code === 'internal') frontend.loggers.frontend.error({ err: cause ?? error }, 'a bug')
  return code
}
