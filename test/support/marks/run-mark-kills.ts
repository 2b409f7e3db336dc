/**
 * Goal: a process that dies at any named point of its durable paths loses nothing that was
 * acknowledged and serves nothing wrong after its next start.
 *
 * Method: one real process after another on one directory. Each is told a mark and which passing of
 * it is its last. It starts, which recovers what its predecessor left; everything that any of them
 * acknowledged is checked; then it gets work until it kills itself at the mark. Some die while they
 * start: then the next one that serves is checked for both. The last one is told no mark.
 */
import type { Mark } from '@kura/core'
import type { SeededRandom } from '@kura/testkit'
import { expect } from 'vitest'
import { describeDeath, type DeathPoint } from './death-point.ts'
import type { KillTally } from './kill-tally.ts'

/** What a process says of itself once it serves. */
export type Serving = Readonly<Record<string, unknown>>

/** One process of a service, from its start to its end. */
export interface MarkedRun {
  /** Undefined where it ended before it served. */
  serving(): Promise<Serving | undefined>
  /** The marks that it has passed so far, in order. */
  passed(): Promise<readonly Mark[]>
  /** Whether it has died by itself, and exactly at the mark that it was told. */
  hasDiedAtItsMark(): Promise<boolean>
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>
  /** `exit code 0`, or the name of the signal that ended it; undefined while it runs. */
  readonly ending: string | undefined
}

/** What is driven, and what is known of it. */
export interface MarkedService {
  /** The marks that the process owns. */
  readonly marks: readonly Mark[]
  spawn(death: DeathPoint | undefined): Promise<MarkedRun>
  /** Takes the addresses of a process that serves. */
  connect(serving: Serving): Promise<void>
  /** Throws where anything acknowledged is lost or anything wrong is served. */
  check(): Promise<void>
  /** Passes every mark that is not one of the start. Throws where the process goes away. */
  live(): Promise<void>
  disconnect(): void
  /** Ends what stood around the process. */
  end(): Promise<void>
}

/** Later passings of a mark than this are like earlier ones. */
const HIT_MAX = 6
/** A life may pass a mark less often than another: commits are shared as they come. */
const LIVES_MAX = 10

export interface MarkKillOptions {
  /** Kills at each mark. */
  readonly rounds: number
  readonly random: SeededRandom
  readonly tally: KillTally
}

/** In each round one kill at each mark, in an order of chance. */
export async function runMarkKills(
  service: MarkedService,
  options: MarkKillOptions,
): Promise<void> {
  const deaths: string[] = []
  try {
    const passings = await countPassings(service)
    const { rounds, random } = options
    const order = Array.from({ length: rounds }, () => shuffle(service.marks, random)).flat()
    for (const mark of order) {
      const often = Math.min(passings.get(mark) ?? 1, HIT_MAX)
      const death = { mark, hit: 1 + Math.floor(random.next() * often) }
      deaths.push(describeDeath(death))
      const startedAtMs = performance.now()
      await dieAt(service, death)
      options.tally.note(mark, performance.now() - startedAtMs)
    }
    await serveOnce(service, async (process) => {
      await process.kill('SIGTERM')
      expect(process.ending, 'a process that is asked to stop ends well').toBe('exit code 0')
    })
  } catch (error) {
    const seed = `seed ${options.random.seed}`
    throw new Error(`${seed}, deaths at ${deaths.join(', ')}: ${String(error)}`, { cause: error })
  }
}

/** Two whole lives, the second on what a kill left: how often one passes each mark. */
async function countPassings(service: MarkedService): Promise<ReadonlyMap<Mark, number>> {
  const passings = new Map<Mark, number>()
  for (const life of ['first', 'second']) {
    await serveOnce(service, async (process) => {
      await service.live()
      await process.kill()
      if (life === 'first') return
      for (const mark of await process.passed()) passings.set(mark, (passings.get(mark) ?? 0) + 1)
    })
  }
  expect([...passings.keys()].toSorted(), 'marks of one life').toEqual(service.marks.toSorted())
  return passings
}

async function serveOnce(
  service: MarkedService,
  use: (process: MarkedRun) => Promise<void>,
): Promise<void> {
  const process = await service.spawn(undefined)
  try {
    const serving = await process.serving()
    expect(serving, 'a process that nobody kills serves').toBeDefined()
    await service.connect(serving ?? {})
    await service.check()
    await use(process)
  } finally {
    service.disconnect()
    await process.kill()
  }
}

async function dieAt(service: MarkedService, death: DeathPoint): Promise<void> {
  const process = await service.spawn(death)
  try {
    const serving = await process.serving()
    if (serving !== undefined) {
      await service.connect(serving)
      await service.check()
      await liveUntilDeath(service, process)
    }
    expect(await process.hasDiedAtItsMark(), `died at ${describeDeath(death)}`).toBe(true)
  } finally {
    service.disconnect()
    await process.kill()
  }
}

async function liveUntilDeath(service: MarkedService, process: MarkedRun): Promise<void> {
  for (let life = 0; life < LIVES_MAX; life += 1) {
    try {
      await service.live()
    } catch (error) {
      // Whoever refuses work and lives on has not died at its mark.
      if (await process.hasDiedAtItsMark()) return
      throw error
    }
  }
  throw new Error('the process was told a mark that it did not pass')
}

function shuffle(marks: readonly Mark[], random: SeededRandom): readonly Mark[] {
  const drawn = marks.map((mark) => ({ mark, lot: random.next() }))
  return drawn.toSorted((one, other) => one.lot - other.lot).map(({ mark }) => mark)
}
