/** The parts of the bench, one after the other, and what they found as lines of one file. */
import { mkdirSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { GIB, KuraError } from '@kura/core'
import { DisturbanceWatch } from './disturbance.ts'
import { expectedSeconds } from './expected-seconds.ts'
import { runLimit } from './limit/run-limit.ts'
import { runLoadAgainst } from './load/run-load-against.ts'
import { runLoad } from './load/run-load.ts'
import { runMicro } from './micro/run-micro.ts'
import type { BenchOptions } from './options.ts'
import type { RunPart } from './part.ts'
import { runPeers } from './peers/run-peers.ts'
import { describeEnvironment } from './results/describe-environment.ts'
import { CACHE, RESULTS } from './results/folders.ts'
import type { Part, Sample } from './results/sample.ts'
import { runParts, type NamedPart } from './run-parts.ts'
import { runSpecial } from './special/run-special.ts'

const RUN_PART: Readonly<Record<Part, RunPart>> = {
  limit: runLimit,
  load: runLoad,
  micro: runMicro,
  special: runSpecial,
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
  const watch = new DisturbanceWatch()
  const takenAt = new Date().toISOString()
  return await runParts({
    parts: partsOf(options),
    isQuick: options.extent === 'quick',
    only: options.only,
    cacheFolder: CACHE,
    profileFolder: options.profileFolder,
    path: join(RESULTS, `${takenAt.replaceAll(/[:.]/g, '-')}-${options.extent}.jsonl`),
    lookForDisturber: () => watch.look(),
    heading: { kind: 'environment', takenAt, environment },
    tell,
  })
}

function partsOf({ target, parts, extent, only }: BenchOptions): readonly NamedPart[] {
  if (target !== undefined) {
    const run: RunPart = (context) => runLoadAgainst(target, context)
    return [{ name: 'load against the target', run, seconds: undefined }]
  }
  const isWhole = only.length === 0
  return parts.map((name) => {
    const seconds = isWhole ? expectedSeconds(name, extent) : undefined
    return { name, run: RUN_PART[name], seconds }
  })
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
