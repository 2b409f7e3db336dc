/**
 * The demo: stores a tree in a zone of its own, kills a storage node and the volume manager on the
 * way, and lets fresh processes read everything back, while the node is dead and after its return.
 */
import { mkdir, mkdtemp, realpath, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import { KuraError, MIB } from '@kura/core'
import { describeBytes } from '../disk-space.ts'
import { LocalZone } from '../local-zone.ts'
import { DEFAULT_DATA_DIR } from '../options.ts'
import type { StopRequest } from '../stop-request.ts'
import { pathKey } from './compare-trees.ts'
import { killWeakness } from './kill-plan.ts'
import { measureSource, type SourceSize } from './measure-source.ts'
import { readBack, type ReadBackReport } from './read-back.ts'
import { storeTree, type StoreResult } from './store-tree.ts'

const PROBLEMS_SHOWN_MAX = 20
/** Copies of the tree on disk: three in the zone and one restored. */
const COPIES = 4

export interface DemoOptions {
  readonly demoPath: string
  /** Where the demo makes its own folder; `.kura` where undefined. */
  readonly dataDir: string | undefined
  readonly cells: number | undefined
  readonly nodes: number | undefined
  readonly bucketSizeBytes: number | undefined
  readonly stop: StopRequest
  readonly tell: (line: string) => void
}

/**
 * Answers the exit code: 0 where nothing was lost, nothing was wrong and nothing was left behind.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { tell } = options
  const source = await resolveSource(options.demoPath)
  const size = await measureSource(Buffer.from(source))
  const figures = `${size.files} files, ${size.blocks} blocks, ${describeBytes(size.bytes)}`
  tell(`demo of ${source}: ${figures}`)
  const folder = await makeFolder(source, options.dataDir)
  const failures = await runIn(folder, { ...options, source, size })
  if (failures.length > 0) {
    for (const failure of failures) tell(`demo FAILED: ${failure}`)
    tell(`data and logs are kept in ${folder}`)
    return options.stop.signal.aborted ? 130 : 1
  }
  await removeFolder(folder)
  return 0
}

interface DemoRun extends DemoOptions {
  readonly source: string
  readonly size: SourceSize
}

/** What went wrong, in sentences. */
async function runIn(folder: string, run: DemoRun): Promise<string[]> {
  const failures: string[] = []
  let zone: LocalZone | undefined
  try {
    zone = await LocalZone.start({
      dataDir: join(folder, 'zone'),
      cells: run.cells,
      nodes: run.nodes,
      bucketSizeBytes: run.bucketSizeBytes,
      contentBytes: COPIES * run.size.bytes,
      portBase: 0,
      restarts: false,
      signal: run.stop.signal,
      tell: run.tell,
      // Services complain while others are dead; where it matters, the logs are kept.
      warn: () => undefined,
    })
    failures.push(...(await attackAndRead(zone, { ...run, folder })))
  } catch (error) {
    if (!(error instanceof Error)) throw error
    failures.push(error instanceof KuraError ? `${error.message} (${error.code})` : error.message)
  } finally {
    const killed = (await zone?.stop()) ?? []
    failures.push(...killed.map((name) => `${name} did not stop in time`))
  }
  return failures
}

async function attackAndRead(
  zone: LocalZone,
  run: DemoRun & { readonly folder: string },
): Promise<string[]> {
  const { tell, source, size } = run
  const { signal } = run.stop
  const victim = `storage-node-1-${1 + Math.floor(Math.random() * zone.shape.nodes)}`
  const stored = await storeTree({ zone, source, size, victim, signal, tell })
  tellProblems(stored, tell)
  const hashFile = join(run.folder, 'acknowledged-blocks')
  await writeFile(hashFile, [...stored.acknowledgedHashes].join('\n'))
  const task = {
    server: zone.endpoints.block,
    pocket: zone.endpoints.pocket,
    reference: stored.tree.text,
    source,
    target: join(run.folder, 'restored'),
    skipped: stored.tree.problems
      .filter((problem) => problem.kind !== 'changed')
      .map((problem) => pathKey(problem.pathBytes)),
    hashFile,
  }
  tell(`stored; reading everything back while ${victim} is dead`)
  const whileDead = await readBack(task, signal)
  tell(`starting ${victim} again; reading everything back once more`)
  zone.service(victim).start()
  await zone.service(victim).waitReady()
  const afterReturn = await readBack(task, signal)
  tell(summarise(stored, [whileDead, afterReturn]))
  return findFailures(stored, [whileDead, afterReturn])
}

function tellProblems(stored: StoreResult, tell: (line: string) => void): void {
  const { problemCounts, problems } = stored.tree
  for (const problem of problems.slice(0, PROBLEMS_SHOWN_MAX)) {
    tell(`not stored as it is: ${problem.path} (${problem.kind} ${problem.systemCode ?? ''})`)
  }
  const { unreadable, special, changed } = problemCounts
  if (unreadable + special + changed === 0) return
  tell(`${unreadable} unreadable, ${special} special, ${changed} changed while they were read`)
}

/** The one line that says it all. */
function summarise(stored: StoreResult, reports: readonly ReadBackReport[]): string {
  const { tree } = stored
  const restoreMs = reports.reduce((sum, report) => sum + report.restoreMs, 0)
  const restoredBytes = reports.reduce((sum, report) => sum + report.bytes, 0)
  const parts = [
    `${tree.files} files`,
    `${tree.blocks} blocks`,
    `${tree.bytes} bytes`,
    `acknowledged while killed ${stored.acknowledgedWhileKilled}`,
    `put ${rate(tree.bytes, stored.putMs)} MiB/s`,
    `get ${rate(restoredBytes, restoreMs)} MiB/s`,
    `unreadable ${tree.problemCounts.unreadable}`,
    `lost ${Math.max(...reports.map((report) => report.lost))}`,
    `wrong ${Math.max(...reports.map((report) => report.wrong))}`,
  ]
  return `demo: ${parts.join(', ')}`
}

function rate(bytes: number, ms: number): string {
  return ms === 0 ? '0' : (bytes / MIB / (ms / 1000)).toFixed(1)
}

function findFailures(stored: StoreResult, reports: readonly ReadBackReport[]): string[] {
  const failures: string[] = []
  const weakness = killWeakness(stored.atKill)
  if (weakness !== undefined) failures.push(weakness)
  const { acknowledgedWhileKilled, acknowledgedNeeded } = stored
  if (acknowledgedWhileKilled < acknowledgedNeeded) {
    const got = `${acknowledgedWhileKilled} blocks were acknowledged between kill and restart`
    failures.push(`${got}; ${acknowledgedNeeded} were needed`)
  }
  for (const report of reports) {
    if (report.lost + report.wrong > 0) failures.push(`lost ${report.lost}, wrong ${report.wrong}`)
    failures.push(...report.named)
    if (report.lost + report.wrong === 0 && report.files !== stored.tree.files) {
      failures.push(`${stored.tree.files} files were stored and ${report.files} read back`)
    }
  }
  return failures
}

async function resolveSource(path: string): Promise<string> {
  try {
    const real = await realpath(path)
    if ((await stat(real)).isDirectory()) return real
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new KuraError('invalid-argument', `cannot read ${path}: ${reason}`)
  }
  throw new KuraError('invalid-argument', `${path} is not a directory`)
}

/** A folder of its own, outside of the tree that is stored. */
async function makeFolder(source: string, parent = DEFAULT_DATA_DIR): Promise<string> {
  const isInside = `${parent}${sep}`.startsWith(source === sep ? sep : `${source}${sep}`)
  const place = isInside ? tmpdir() : parent
  if (`${place}${sep}`.startsWith(source === sep ? sep : `${source}${sep}`)) {
    throw new KuraError('invalid-argument', `the demo's data would lie inside ${source}`, {
      hint: 'name a folder outside of it with --data',
    })
  }
  await mkdir(place, { recursive: true })
  return await mkdtemp(join(place, 'demo-'))
}

/** The folder, and the one around it where nothing else is in it. */
async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  const parent = join(folder, '..')
  if (parent !== DEFAULT_DATA_DIR) return
  try {
    await rmdir(parent)
  } catch (error) {
    const isInUse = error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY'
    if (!isInUse) throw error
  }
}
