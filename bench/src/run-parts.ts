/** Runs parts of the bench one after the other; what they find are lines of one file. */
import { relative } from 'node:path'
import { KuraError } from '@kura/core'
import type { Disturber } from './disturbance.ts'
import type { PartContext, RunPart } from './part.ts'
import { appendResult } from './results/result-file.ts'
import type { Heading, ResultLine, Sample } from './results/sample.ts'
import { writeReport } from './results/write-report.ts'

export interface NamedPart {
  readonly name: string
  readonly run: RunPart
  /** About how long it takes; undefined where nobody can say. */
  readonly seconds: number | undefined
}

export interface PartsRun {
  readonly parts: readonly NamedPart[]
  readonly isQuick: boolean
  /** Texts of which a row's name contains one; empty for all rows. */
  readonly only: readonly string[]
  readonly cacheFolder: string
  readonly profileFolder: string | undefined
  /** Of the file of results: it is there as soon as there is something to keep. */
  readonly path: string
  readonly heading: Heading
  /** Asked with each line that is told. */
  readonly lookForDisturber: () => Disturber | undefined
  readonly tell: (line: string) => void
}

/**
 * The samples. Throws what a part throws, with table and plots of what was found before; and
 * `invalid-argument` where no row has a name that was asked for.
 */
export async function runParts(run: PartsRun): Promise<readonly Sample[]> {
  const kept: ResultLine[] = []
  const context = contextOf(run, (line) => {
    if (kept.length === 0) appendResult(run.path, run.heading)
    kept.push(line)
    appendResult(run.path, line)
  })
  try {
    const whole = sumOf(run.parts.map(({ seconds }) => seconds))
    if (whole !== undefined) context.tell(`all parts together: ${formatAbout(whole)}`)
    for (const [index, { name, run: runPart, seconds }] of run.parts.entries()) {
      const about = seconds === undefined ? '' : `, ${formatAbout(seconds)}`
      context.tell(`part ${index + 1} of ${run.parts.length}: ${name}${about}`)
      await runPart(context)
    }
  } finally {
    if (kept.length > 0) run.tell(`table and plots: ${relative('.', writeReport(run.path))}`)
  }
  if (kept.length === 0 && run.only.length > 0) throw noRow(run.only)
  return kept.filter((line) => line.kind === 'sample')
}

function sumOf(values: readonly (number | undefined)[]): number | undefined {
  return values.reduce<number | undefined>(
    (sum, each) => (sum === undefined || each === undefined ? undefined : sum + each),
    0,
  )
}

function formatAbout(seconds: number): string {
  return seconds < 60 ? `about ${seconds.toFixed(0)} s` : `about ${(seconds / 60).toFixed(0)} min`
}

/** Lines begin with the minutes and seconds since the start. */
function contextOf(run: PartsRun, keep: (line: ResultLine) => void): PartContext {
  const { isQuick, cacheFolder, profileFolder, only } = run
  const startedAtMs = performance.now()
  const tell = (line: string): void => {
    const seconds = Math.floor((performance.now() - startedAtMs) / 1_000)
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
    run.tell(`${clock.padStart(6)}  ${line}`)
  }
  const tellAll = (line: string): void => {
    tell(line)
    const disturber = run.lookForDisturber()
    if (disturber === undefined) return
    const { name, pid, share } = disturber
    tell(`DISTURBED: ${name} (process ${pid}) took ${(share * 100).toFixed(0)} % of a processor`)
  }
  return {
    isQuick,
    cacheFolder,
    profileFolder,
    wants: (row) => only.length === 0 || only.some((text) => row.includes(text)),
    keep,
    skip: (part, reason) => {
      keep({ kind: 'skipped', part, reason })
      tellAll(reason)
    },
    tell: tellAll,
  }
}

function noRow(only: readonly string[]): KuraError {
  const texts = only.map((text) => `"${text}"`).join(' or ')
  return new KuraError('invalid-argument', `no row that was measured has ${texts} in its name`, {
    hint: 'rows are named like "put 4 MiB × 16 client"; bench/results has them all',
  })
}
