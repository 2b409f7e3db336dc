/** The parts of the bench, one after the other, and what they found as lines of one file. */
import { mkdirSync, statfsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { GIB, KuraError } from '@kura/core'
import { runLimit } from './limit/run-limit.ts'
import { runLoadAgainst } from './load/run-load-against.ts'
import { runLoad } from './load/run-load.ts'
import type { BenchOptions, PARTS } from './options.ts'
import type { PartContext, RunPart } from './part.ts'
import { runPeers } from './peers/run-peers.ts'
import { describeEnvironment } from './results/describe-environment.ts'
import { CACHE, RESULTS } from './results/folders.ts'
import { appendResult } from './results/result-file.ts'
import type { ResultLine, Sample } from './results/sample.ts'
import { writeReport } from './results/write-report.ts'

const RUN_PART: Readonly<Record<(typeof PARTS)[number], RunPart>> = {
  limit: runLimit,
  load: runLoad,
  peers: runPeers,
}
/** At most 40 GiB are on the disk at once; and some is left for others. */
const FREE_BYTES_MIN = 45 * GIB
/** Above it something else ran in the minute before. */
const CALM_LOAD_MAX = 0.5

/** The samples, which are in a file as well. Throws what a part throws; the file stays. */
export async function runBench(
  options: BenchOptions,
  tell: (line: string) => void,
): Promise<readonly Sample[]> {
  mkdirSync(CACHE, { recursive: true })
  if (options.target === undefined) assertRoom()
  const environment = describeEnvironment(CACHE)
  const { processors, model, node, commit, loadBefore } = environment
  tell(`${processors} × ${model}, Node ${node}, commit ${commit}`)
  if (loadBefore > CALM_LOAD_MAX) {
    tell(`the machine is busy (load ${loadBefore.toFixed(1)}): do not keep these figures`)
  }
  const takenAt = new Date().toISOString()
  const path = join(RESULTS, `${takenAt.replaceAll(/[:.]/g, '-')}-${options.extent}.jsonl`)
  const samples: Sample[] = []
  const keep = (line: ResultLine): void => {
    if (samples.length === 0) appendResult(path, { kind: 'environment', takenAt, environment })
    if (line.kind === 'sample') samples.push(line)
    appendResult(path, line)
  }
  try {
    await runParts(options, contextOf(options, { keep, tell }))
  } finally {
    if (samples.length > 0) tell(`table and plots: ${relative('.', writeReport(path))}`)
  }
  return samples
}

async function runParts(options: BenchOptions, context: PartContext): Promise<void> {
  if (options.target !== undefined) {
    await runLoadAgainst(options.target, context)
    return
  }
  for (const [index, part] of options.parts.entries()) {
    context.tell(`part ${index + 1} of ${options.parts.length}: ${part}`)
    await RUN_PART[part](context)
  }
}

/** Lines begin with the minutes and seconds since the start. */
function contextOf(
  options: BenchOptions,
  to: { readonly keep: (line: ResultLine) => void; readonly tell: (line: string) => void },
): PartContext {
  const startedAtMs = performance.now()
  return {
    isQuick: options.extent === 'quick',
    cacheFolder: CACHE,
    profileFolder: options.profileFolder,
    wants: (row) => options.only.length === 0 || options.only.some((text) => row.includes(text)),
    keep: to.keep,
    skip: (part, reason) => {
      to.keep({ kind: 'skipped', part, reason })
      to.tell(reason)
    },
    tell: (line) => {
      const seconds = Math.floor((performance.now() - startedAtMs) / 1_000)
      const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
      to.tell(`${clock.padStart(6)}  ${line}`)
    },
  }
}

function assertRoom(): void {
  const { bavail, bsize } = statfsSync(CACHE)
  const freeBytes = bavail * bsize
  if (freeBytes >= FREE_BYTES_MIN) return
  const free = `${(freeBytes / GIB).toFixed(0)} GiB are free`
  throw new KuraError('disk-full', `the bench wants ${FREE_BYTES_MIN / GIB} GiB, ${free}`, {
    details: { folder: CACHE },
    hint: 'free some room, or clone the project to a larger disk',
  })
}
