/** The command line of `pnpm bench`. */
import { parseArgs } from 'node:util'
import type { Extent } from './load/plan-loads.ts'

export const USAGE = `pnpm bench [--quick] [--only TEXT] [--profile FOLDER]
pnpm bench --memory [--quick] [--no-cgroup]

  --quick           fewer blocks: for a look, not for a record
  --only TEXT       rows whose name contains TEXT, and the puts that gets need
  --profile FOLDER  writes a V8 processor profile of every process there
  --memory          resident memory under load instead; fails where a limit is missed
  --no-cgroup       with it: on a machine without memory cgroups
`

export interface BenchOptions {
  readonly extent: Extent
  readonly only: string
  readonly profileFolder: string | undefined
  readonly isMemory: boolean
  /** Whether each measured process gets a memory cgroup. */
  readonly hasCgroups: boolean
  readonly help: boolean
}

/** Throws a TypeError for an unknown option. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      profile: { type: 'string' },
      memory: { type: 'boolean', default: false },
      'no-cgroup': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  return {
    extent: values.quick ? 'quick' : 'full',
    only: values.only,
    profileFolder: values.profile,
    isMemory: values.memory,
    hasCgroups: !values['no-cgroup'],
    help: values.help,
  }
}
