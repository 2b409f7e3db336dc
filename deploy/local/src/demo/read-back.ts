/** Reads a stored tree back in a process of its own. */
import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { KuraError, MIB } from '@kura/core'
import { repositoryRoot } from '../repository.ts'
import type { TreeComparison } from './compare-trees.ts'

const PROGRAM = resolve(repositoryRoot, 'deploy/local/dist/demo/read-back-program.js')
const OUTPUT_BYTES_MAX = 16 * MIB

export interface ReadBackTask {
  readonly server: string
  readonly pocket: string
  /** `kura:tree:<hash>`. */
  readonly reference: string
  readonly source: string
  /** Restored here; removed afterwards. */
  readonly target: string
  /** Keys of the source's paths that were not stored. */
  readonly skipped: readonly string[]
  /** Every acknowledged block, one hash a line. */
  readonly hashFile: string
}

export interface ReadBackReport extends TreeComparison {
  /** Time of the restore alone. */
  readonly restoreMs: number
}

export async function readBack(task: ReadBackTask, signal: AbortSignal): Promise<ReadBackReport> {
  const { promise, resolve: done, reject } = Promise.withResolvers<string>()
  execFile(
    process.execPath,
    [PROGRAM, JSON.stringify(task)],
    { signal, maxBuffer: OUTPUT_BYTES_MAX },
    (error, stdout, stderr) => {
      if (error === null) done(stdout)
      else
        reject(new KuraError('internal', `reading back failed: ${stderr.trim() || error.message}`))
    },
  )
  const report: ReadBackReport = JSON.parse(await promise)
  await rm(task.target, { recursive: true, force: true })
  return report
}
