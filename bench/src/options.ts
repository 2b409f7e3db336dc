/** The command line of `pnpm bench`. */
import { parseArgs } from 'node:util'
import { KuraError } from '@kura/core'
import type { LoadEndpoints } from './load/load.ts'
import type { Extent } from './load/plan-loads.ts'
import type { Part } from './results/sample.ts'
import { parseTarget } from './target.ts'

export const USAGE = `pnpm bench [--quick] [--parts PART,…] [--only TEXT] [--profile FOLDER]
pnpm bench --target kura://POCKET@HOST:PORT | http://HOST:PORT | grpc://HOST:PORT [--only TEXT]
pnpm bench compare FILE FILE
pnpm bench report FILE
pnpm bench --memory [--quick] [--no-cgroup]

  --quick           shorter and fewer: for a look, not for a record
  --parts PART,…    limit, load, micro, special, peers: default all; quick leaves
                    special and peers out
  --only TEXT       rows whose name contains TEXT (x counts as ×); may be given several times
  --profile FOLDER  writes a V8 processor profile of every process there
  --target URL      the load against a pocket of yours; what it puts stays there
  --memory          resident memory under load instead; fails where a limit is missed
  --no-cgroup       with it: on a machine without memory cgroups

  compare           ratios of the second file of results to the first, row by row
  report            makes table and plots of a file of results anew
`

export const PARTS = [
  'limit',
  'load',
  'micro',
  'special',
  'peers',
] as const satisfies readonly Part[]
export const PARTS_OF_QUICK: readonly Part[] = ['limit', 'load', 'micro']

export interface BenchOptions {
  readonly extent: Extent
  readonly parts: readonly Part[]
  /** Empty: all rows. */
  readonly only: readonly string[]
  readonly profileFolder: string | undefined
  readonly target: LoadEndpoints | undefined
  readonly isMemory: boolean
  /** Whether each measured process gets a memory cgroup. */
  readonly hasCgroups: boolean
}

export type BenchCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'run'; readonly options: BenchOptions }
  | { readonly kind: 'compare'; readonly first: string; readonly second: string }
  | { readonly kind: 'report'; readonly path: string }

/** Throws `invalid-argument`. */
export function parseCommand(args: readonly string[]): BenchCommand {
  const { values, positionals, tokens } = parseArguments(args)
  if (values.help) return { kind: 'help' }
  const given = tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []))
  const [word, first, second, ...more] = positionals
  if (word === undefined) {
    refuseUseless(given, values)
    return { kind: 'run', options: optionsOf(values) }
  }
  if (given[0] !== undefined) throw invalid(`--${given[0]} says nothing to "${word}"`)
  if (word === 'compare' && first !== undefined && second !== undefined && more.length === 0) {
    return { kind: 'compare', first, second }
  }
  if (word === 'report' && first !== undefined && second === undefined) {
    return { kind: 'report', path: first }
  }
  throw invalid(`"${positionals.join(' ')}" is no command of the bench`)
}

type Values = ReturnType<typeof parseArguments>['values']

function parseArguments(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      tokens: true,
      options: {
        quick: { type: 'boolean', default: false },
        parts: { type: 'string' },
        only: { type: 'string', multiple: true, default: [] },
        profile: { type: 'string' },
        target: { type: 'string' },
        memory: { type: 'boolean', default: false },
        'no-cgroup': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw invalid(message.split('.')[0] ?? message, cause)
  }
}

/** What would change nothing is a mistake of who typed it. */
function refuseUseless(given: readonly string[], { memory, target }: Values): void {
  const refuse = (what: string, useless: readonly string[]): void => {
    const found = given.find((name) => useless.includes(name))
    if (found !== undefined) throw invalid(`--${found} says nothing ${what}`)
  }
  if (memory) refuse('to --memory', ['parts', 'only', 'profile', 'target'])
  else refuse('without --memory', ['no-cgroup'])
  if (target !== undefined) refuse('to --target', ['parts'])
}

function optionsOf(values: Values): BenchOptions {
  const target = values.target === undefined ? undefined : parseTarget(values.target)
  return {
    extent: values.quick ? 'quick' : 'full',
    parts: partsOf(values),
    only: values.only.map((text) => text.replaceAll(' x ', ' × ')),
    profileFolder: values.profile,
    target,
    isMemory: values.memory,
    hasCgroups: !values['no-cgroup'],
  }
}

function partsOf({ parts, quick }: Values): BenchOptions['parts'] {
  if (parts === undefined) return quick ? PARTS_OF_QUICK : PARTS
  const names = parts.split(',')
  const unknown = names.find((name) => !PARTS.some((part) => part === name))
  if (unknown !== undefined) throw invalid(`"${unknown}" is no part: there are ${PARTS.join(', ')}`)
  return PARTS.filter((part) => names.includes(part))
}

function invalid(message: string, cause?: unknown): KuraError {
  const hint = 'pnpm bench --help shows what there is'
  return new KuraError('invalid-argument', message, { cause, hint })
}
