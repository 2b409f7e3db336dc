/** New seeds over all cores, for a time; then what they amounted to. */
import { SeedTally, type TallyFigures } from './seed-tally.ts'
import { Shard } from './shard.ts'
import type { SoakSuite } from './shard-order.ts'

const PROGRESS_MS = 10_000
/** Far above the time of any seed, also on a busy machine. */
const SILENCE_MS_MAX = 300_000

export interface SoakOptions {
  readonly forMs: number
  readonly seedsFrom: number
  /** No seed from here on; without it only time ends the soak. */
  readonly seedsUntil?: number
  readonly suite: SoakSuite
  readonly shards: number
  readonly runner: string
  readonly plansFolder: string
  readonly tell: (line: string) => void
  /** Ends the soak before its time. */
  readonly signal?: AbortSignal
  readonly silenceMsMax?: number
}

export interface SoakOutcome extends TallyFigures {
  readonly suite: SoakSuite
  readonly shards: number
  readonly seedsFrom: number
  /** The last one that was begun or a later one: a soak from the next one on has new seeds. */
  readonly seedsTo: number
  readonly elapsedMs: number
  readonly seedsPerSecond: number
}

export async function soak(options: SoakOptions): Promise<SoakOutcome> {
  const tally = new SeedTally()
  const startedAtMs = performance.now()
  let seedsTo = options.seedsFrom
  const listener = {
    onResult: (...[result, planPath]: Parameters<SeedTally['add']>): void => {
      seedsTo = Math.max(seedsTo, result.seed)
      tally.add(result, planPath)
    },
    onFailure: (failure: Parameters<SeedTally['addFailure']>[0]): void => {
      seedsTo = Math.max(seedsTo, failure.seed)
      options.tell(`seed ${failure.seed}: ${failure.kind}: ${failure.message}`)
      tally.addFailure(failure)
    },
  }
  const shards = Array.from({ length: options.shards }, (_, index) => {
    const { suite, runner, plansFolder, seedsFrom, seedsUntil: until } = options
    const from = seedsFrom + index
    const order = { from, step: options.shards, until, suite, runner, plansFolder }
    return new Shard({ order, listener, silenceMsMax: options.silenceMsMax ?? SILENCE_MS_MAX })
  })
  const elapsedMs = (): number => performance.now() - startedAtMs
  const stop = (): void => shards.forEach((shard) => shard.stop())
  const timer = setTimeout(stop, options.forMs)
  const progress = setInterval(
    () => options.tell(describeProgress(tally, elapsedMs())),
    PROGRESS_MS,
  )
  options.signal?.addEventListener('abort', stop)
  if (options.signal?.aborted === true) stop()
  await Promise.all(shards.map((shard) => shard.run()))
  clearTimeout(timer)
  clearInterval(progress)
  options.signal?.removeEventListener('abort', stop)
  const figures = tally.figures()
  const seedsPerSecond = (figures.seeds * 1000) / elapsedMs()
  const { suite, seedsFrom } = options
  return {
    ...figures,
    suite,
    shards: options.shards,
    seedsFrom,
    seedsTo,
    elapsedMs: elapsedMs(),
    seedsPerSecond,
  }
}

function describeProgress(tally: SeedTally, elapsedMs: number): string {
  const seconds = Math.round(elapsedMs / 1000)
  const clock = [seconds / 3600, (seconds / 60) % 60, seconds % 60]
  const time = clock.map((part) => String(Math.floor(part)).padStart(2, '0')).join(':')
  const rate = ((tally.seeds * 1000) / elapsedMs).toFixed(1)
  return `${time}  ${tally.seeds} seeds, ${rate}/s, ${tally.failures.length} failed`
}
