/**
 * A test that needs something of the machine. Where that is missing it is not tried, and the end of
 * the run lists it with the reason; with REQUIRE_FAULTS=1 it fails.
 */
import { inject, test } from 'vitest'
import type { Capability, CapabilityReport } from './capabilities.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** Why the test was not tried. Read by `deploy/setup/count-tests.mjs`. */
    notTried?: string
  }
}

export interface FaultTestOptions {
  readonly needs: readonly Capability[]
  readonly timeoutMs?: number
}

export function faultTest(
  name: string,
  options: FaultTestOptions,
  body: () => Promise<void>,
): void {
  const { needs, timeoutMs } = options
  test(name, timeoutMs === undefined ? {} : { timeout: timeoutMs }, async ({ task, skip }) => {
    const reason = whyNot(needs, inject('capabilities'))
    if (reason !== undefined) {
      if (process.env['REQUIRE_FAULTS'] === '1') throw new Error(`cannot be tried: ${reason}`)
      task.meta.notTried = reason
      skip(reason)
    }
    await body()
  })
}

function whyNot(needs: readonly Capability[], report: CapabilityReport): string | undefined {
  const reasons = needs.flatMap((name) =>
    report[name] === undefined ? [] : [`no ${name} (${report[name].split('\n')[0]})`],
  )
  return reasons.length === 0 ? undefined : reasons.join(', ')
}
