/**
 * Which code ran, by V8's own block coverage: no instrumented build. `takeNews` says whether
 * anything ran since the last look that had never run before. One look costs milliseconds, so that
 * the fuzzer looks after batches of executions and not after each.
 */
import { Session, type Profiler } from 'node:inspector'
import { setFlagsFromString } from 'node:v8'

/** Sources of this workspace, without the fuzzer's own. */
const OWN_SOURCE = /\/(packages|services)\/[^/]+\/src\//
const HARNESS_SOURCE =
  /\/testkit\/src\/(fuzz\/[a-z-]+(?<!\.test)|seeded-random)\.ts$|\.fuzz\.test\.ts$/

/** One for the process, and for good: what was compiled under one session is blind to the next. */
let session: Session | undefined

export class BlockCoverage {
  /** By function: one byte for each character of its source, 1 once it ran. */
  readonly #ran = new Map<string, Uint8Array>()

  /**
   * From now on V8 counts. Only functions that it compiles later have blocks that count, so that
   * this must come before the first call of what is watched.
   */
  constructor() {
    if (session !== undefined) return
    // Optimised code does not count its calls.
    for (const flag of ['--no-turbofan', '--no-maglev']) setFlagsFromString(flag)
    session = new Session()
    session.connect()
    session.post('Profiler.enable')
    session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Characters of source that ran once or more. */
  get ranCount(): number {
    let count = 0
    for (const marks of this.#ran.values()) for (const mark of marks) count += mark
    return count
  }

  /**
   * Whether something ran for the first time since the last look; it counts as known from now on,
   * unless the caller only wants to know and will look closer.
   */
  takeNews(options: { readonly learn: boolean }): boolean {
    let hasNews = false
    for (const script of takeCoverage()) {
      if (!OWN_SOURCE.test(script.url) || HARNESS_SOURCE.test(script.url)) continue
      for (const { ranges } of script.functions) {
        if (this.#compare(script.url, ranges, options)) hasNews = true
      }
    }
    return hasNews
  }

  /** Ranges nest, outer ones first; the first is the function's. */
  #compare(
    url: string,
    ranges: readonly Profiler.CoverageRange[],
    { learn }: { readonly learn: boolean },
  ): boolean {
    const [whole] = ranges
    if (whole === undefined || ranges.every(({ count }) => count === 0)) return false
    const { startOffset, endOffset } = whole
    const now = new Uint8Array(endOffset - startOffset)
    for (const { startOffset: start, endOffset: end, count } of ranges) {
      now.fill(count > 0 ? 1 : 0, start - startOffset, end - startOffset)
    }
    const key = `${url}:${startOffset}:${endOffset}`
    const before = this.#ran.get(key) ?? new Uint8Array(now.length)
    const isNew = now.some((mark, at) => mark > (before[at] ?? 0))
    if (!isNew || !learn) return isNew
    for (const [at, mark] of now.entries()) if (mark === 1) before[at] = 1
    this.#ran.set(key, before)
    return true
  }
}

/** The session answers on this very thread, before `post` returns. */
function takeCoverage(): readonly Profiler.ScriptCoverage[] {
  let scripts: readonly Profiler.ScriptCoverage[] = []
  session?.post('Profiler.takePreciseCoverage', (error, answer) => {
    if (error !== null) throw error
    scripts = answer.result
  })
  return scripts
}
