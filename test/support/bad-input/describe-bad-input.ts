/**
 * The table of bad input as tests, one for each cell, against a zone of real processes.
 *
 * Goal: whatever a stranger sends, the answer is a typed error or the end of the connection,
 * nothing is stored, nothing stays behind, and others do not notice.
 *
 * Method: a healthy client, in a process of its own, puts and gets all the time. Before anything is
 * counted, some bad requests of each kind go through, because the first of a kind compiles code and
 * makes heap that stays: what grows with the number of requests is what is looked for. Then each
 * cell sends its bad requests and checks every answer, the healthy client pauses, and the frontend
 * must hold what it held before: no buffer, no byte, as many connections and descriptors, and at
 * most 32 MiB more memory. Connections that the frontend itself makes, to storage nodes, are a pool
 * that breathes; the long run waits until it has emptied and compares the sum. Slow kinds wait for
 * the server's patience to end, so that their requests are all under way at a time.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ScenarioZone } from '../scenario-zone.ts'
import { BadInputTable, type CellPlace } from './bad-input-table.ts'
import type { BadInputDoor } from './cell.ts'
import { compareLatencies } from './compare-latencies.ts'

const OPEN_TIMEOUT_MS = 15 * 60_000
const CELL_TIMEOUT_MS = 10 * 60_000
/** Below what a door takes at a time. */
const CONNECTIONS_OF_DOOR = 1_000
/** Coarse, for any machine under any load: nobody is kept waiting for a door's patience to end. */
const P99_MS_MAX = 2_000

export interface BadInputOptions {
  readonly doors: readonly {
    readonly door: BadInputDoor
    readonly addressOf: (scenario: ScenarioZone) => string
  }[]
  /** Bad requests of each kind. */
  readonly requests: number
  /** Bad requests of each kind before anything is counted. */
  readonly warmUp: number
  /** Also what takes minutes: exact sums of descriptors, and latencies side by side. */
  readonly isLong: boolean
}

export function describeBadInput(options: BadInputOptions): void {
  const { requests, isLong } = options
  const table = new BadInputTable()
  const places = options.doors.flatMap(({ door, addressOf }) =>
    door.cells.map((cell): CellPlace => ({ door, cell, addressOf })),
  )
  const quick = places.filter(({ cell }) => cell.isSlow !== true)
  const slow = places.filter(({ cell }) => cell.isSlow === true)

  beforeAll(async () => {
    await table.open()
    for (const place of quick) await table.run(place, options.warmUp)
    if (isLong) await runSlow(table, slow, options.warmUp)
    await table.takeBefore({ isStill: isLong })
  }, OPEN_TIMEOUT_MS)
  afterAll(async () => {
    await table[Symbol.asyncDispose]()
  })

  describe.each(options.doors)('$door.name door', ({ door }) => {
    it.each(quick.filter((place) => place.door === door))(
      `$cell.kind, ${requests} times: typed, not stored, nothing left`,
      { timeout: CELL_TIMEOUT_MS },
      async (place) => {
        await table.run(place, requests)
        await table.expectNothingHeld()
      },
    )
  })

  describe('patience', () => {
    let outcomes: ReadonlyMap<CellPlace, unknown>
    beforeAll(async () => {
      outcomes = await runSlow(table, slow, requests)
    }, CELL_TIMEOUT_MS)
    it.each(slow)(`$door.name door: $cell.kind, ${requests} times: ended in time`, (place) => {
      expect(outcomes.get(place)).toBe('as expected')
    })
    it('after them, too, nothing is left', { timeout: CELL_TIMEOUT_MS }, async () => {
      await table.expectNothingHeld()
    })
  })

  it('the healthy client met no error, and waited for nothing', async () => {
    const { failures, count, p99Ms } = await table.healthy.report()
    process.stdout.write(`healthy client: p99 ${p99Ms.toFixed(1)} ms of ${count} operations\n`)
    expect(failures).toEqual([])
    expect(count).toBeGreaterThan(100)
    expect(p99Ms).toBeLessThanOrEqual(P99_MS_MAX)
  })

  it('what was stored before is intact', async () => {
    await table.expectStoredIntact()
    table.print()
  })

  if (!isLong) return
  it('at rest there are exactly as many descriptors', { timeout: CELL_TIMEOUT_MS }, async () => {
    await table.expectDescriptorsAsBefore()
  })
  it('bad load at most doubles the p99 of good load', { timeout: CELL_TIMEOUT_MS }, async () => {
    await compareLatencies(table, places)
  })
}

/** The slow kinds of a door one after the other, for its connections are few; doors at once. */
async function runSlow(
  table: BadInputTable,
  slow: readonly CellPlace[],
  requests: number,
): Promise<ReadonlyMap<CellPlace, unknown>> {
  const outcomes = new Map<CellPlace, unknown>()
  const byDoor = Map.groupBy(slow, ({ door }) => door)
  const runOne = async (place: CellPlace): Promise<void> => {
    const run = table.run(place, requests)
    outcomes.set(
      place,
      await run.then(
        () => 'as expected',
        (error: unknown) => error,
      ),
    )
  }
  await Promise.all(
    [...byDoor.values()].map(async (ofDoor) => {
      const isMany = requests * ofDoor.length > CONNECTIONS_OF_DOOR
      if (isMany) for (const place of ofDoor) await runOne(place)
      else await Promise.all(ofDoor.map(runOne))
    }),
  )
  return outcomes
}
