/** On what the figures were taken. */
import { execFileSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { GIB } from '@kura/core'

export interface Machine {
  readonly processors: number
  readonly model: string
  readonly memoryGib: number
  readonly kernel: string
  readonly node: string
  readonly commit: string
  /** Of the minute before: above 0.5 something else ran. */
  readonly loadBefore: number
}

export function describeMachine(repository: string): Machine {
  return {
    processors: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    memoryGib: Math.round(totalmem() / GIB),
    kernel: release(),
    node: process.version,
    commit: readCommit(repository),
    loadBefore: loadavg()[0] ?? 0,
  }
}

function readCommit(repository: string): string {
  try {
    const options = { cwd: repository, encoding: 'utf8' as const }
    return execFileSync('git', ['describe', '--always', '--dirty'], options).trim()
  } catch {
    return 'unknown'
  }
}
