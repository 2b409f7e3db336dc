/** The command lines of `npm run soak` and of `pnpm simulate`. */
import { parseArgs } from 'node:util'
import { SUITES, type Suite } from '../plan/plan.ts'
import { SOAK_SUITES, type SoakSuite } from './shard-order.ts'

export const SOAK_USAGE = `npm run soak -- --for 1h [--seeds-from N] [--suite SUITE]

  --for TIME       e.g. 90s, 10m or 1h
  --seeds-from N   the first seed; by default the first that no report has yet
  --suite SUITE    survivable (default), beyond, or both
  --shards N       processes; by default one for each core
`

export const SIMULATE_USAGE = `pnpm simulate --seed N [--suite survivable|beyond]
pnpm simulate --plan FILE

  --seed N         makes the plan of that seed and runs it
  --plan FILE      runs a plan that was kept
  --suite SUITE    survivable (default) or beyond
  --record         prints the newest lines of the trace
  --shrink         makes a failing plan small, and writes it down
  --sabotage NAME  breaks a promise on purpose
`

export interface SoakCommand {
  readonly forMs: number
  readonly seedsFrom: number | undefined
  readonly suite: SoakSuite
  readonly shards: number | undefined
}

export interface SimulateCommand {
  readonly source: { readonly seed: number; readonly suite: Suite } | { readonly planPath: string }
  readonly record: boolean
  readonly shrink: boolean
  readonly sabotage: string | undefined
}

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000 } as const

/** Throws a TypeError, or answers `help`. */
export function parseSoakCommand(args: readonly string[]): SoakCommand | 'help' {
  const text = { type: 'string' } as const
  const options = {
    ...{ for: text, 'seeds-from': text, shards: text },
    suite: { ...text, default: 'survivable' },
    help: { type: 'boolean', default: false },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  if (values.help) return 'help'
  return {
    forMs: parseDuration(values.for),
    seedsFrom: parseWhole('--seeds-from', values['seeds-from']),
    suite: parseOneOf('--suite', SOAK_SUITES, values.suite),
    shards: parseWhole('--shards', values.shards),
  }
}

/** Throws a TypeError, or answers `help`. */
export function parseSimulateCommand(args: readonly string[]): SimulateCommand | 'help' {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const options = {
    ...{ seed: text, plan: text, sabotage: text },
    suite: { ...text, default: 'survivable' },
    ...{ record: flag, shrink: flag, help: flag },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  if (values.help) return 'help'
  const { record, shrink, sabotage, plan: planPath } = values
  const suite = parseOneOf('--suite', SUITES, values.suite)
  const seed = parseWhole('--seed', values.seed)
  if (planPath !== undefined && seed === undefined) {
    return { source: { planPath }, record, shrink, sabotage }
  }
  if (seed !== undefined && planPath === undefined) {
    return { source: { seed, suite }, record, shrink, sabotage }
  }
  throw new TypeError('give --seed N or --plan FILE')
}

function parseDuration(text: string | undefined): number {
  const match = /^(\d+)([smh])$/.exec(text ?? '')
  const [, count, unit] = match ?? []
  if (count === undefined || unit === undefined || Number(count) === 0) {
    throw new TypeError('--for needs a time such as 90s, 10m or 1h')
  }
  return Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]
}

function parseWhole(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new TypeError(`${name} needs a whole number`)
  return Number(text)
}

function parseOneOf<T extends string>(name: string, among: readonly T[], text: string): T {
  const found = among.find((each) => each === text)
  if (found === undefined) throw new TypeError(`${name} is one of ${among.join(', ')}`)
  return found
}
