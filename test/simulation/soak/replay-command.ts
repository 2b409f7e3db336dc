/** How to see a failure again: one command, and the commit that it belongs to. */
import { execFileSync } from 'node:child_process'
import type { Suite } from '../plan/plan.ts'

export function replayPlanCommand(path: string): string {
  return `pnpm simulate --plan ${path}`
}

export function replaySeedCommand(seed: number, suite: Suite): string {
  return `pnpm simulate --seed ${seed} --suite ${suite}`
}

/** With `-dirty` where the tree differs from it. */
export function readCommit(): string {
  const options = { cwd: import.meta.dirname, encoding: 'utf8' as const }
  const describe = ['describe', '--always', '--dirty', '--abbrev=40', '--exclude=*']
  try {
    return execFileSync('git', describe, { ...options, stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return 'unknown'
  }
}
