/** What a soak and its shards, processes of their own, tell each other. */
import type { Suite } from '../plan/plan.ts'
import type { SeedResult } from './run-seed.ts'

/** Which of a soak's suites a seed runs in. */
export const SOAK_SUITES = ['survivable', 'beyond', 'both'] as const
export type SoakSuite = (typeof SOAK_SUITES)[number]

export interface ShardOrder {
  /** The first seed, and the distance to the next. */
  readonly from: number
  readonly step: number
  /** No seed from here on; without it there is no end. */
  readonly until?: number | undefined
  readonly suite: SoakSuite
  /** Address of the module that runs plans. */
  readonly runner: string
  /** Where plans of failed seeds go. */
  readonly plansFolder: string
}

export type ShardMessage =
  | { readonly kind: 'begun'; readonly seed: number }
  /** Still at work on the same seed. */
  | { readonly kind: 'shrinking'; readonly seed: number }
  /** The process ends well; another goes on with that seed. */
  | { readonly kind: 'renew'; readonly seed: number }
  | { readonly kind: 'ended'; readonly result: SeedResult; readonly planPath?: string }

/** The only thing a soak says: finish the seed at hand, and end. */
export const STOP_MESSAGE = 'stop'

/** With both, every fourth seed is of `beyond`. */
export function suiteOfSeed(seed: number, suite: SoakSuite): Suite {
  if (suite !== 'both') return suite
  return seed % 4 === 3 ? 'beyond' : 'survivable'
}
