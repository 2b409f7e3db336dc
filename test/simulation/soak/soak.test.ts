import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '@kura/testkit'
import { readPlanFile } from '../plan/plan-file.ts'
import { makePlan } from '../plan/make-plan.ts'
import { soak, type SoakOutcome } from './soak.ts'
import { parseSimulateCommand, parseSoakCommand } from './soak-options.ts'
import { formatReport, makeReport, nextFreshSeed, writeReport } from './soak-report.ts'
import { ENDING_SEED, EVENTS, FAILING_SEED, HANGING_SEED } from './testing/planned-runner.ts'

const RUNNER = new URL('testing/planned-runner.ts', import.meta.url).href
const HOUR_MS = 3_600_000
/** A shard of this test has to start within this time, and its hanging seed takes as long. */
const SILENCE_MS_MAX = 15_000

/** Until two processes were lost. */
async function soakUntilLosses(plansFolder: string): Promise<SoakOutcome> {
  const stopping = new AbortController()
  const lines: string[] = []
  return await soak({
    ...{ forMs: HOUR_MS, seedsFrom: FAILING_SEED, suite: 'survivable', shards: 2 },
    ...{ runner: RUNNER, plansFolder, silenceMsMax: SILENCE_MS_MAX, signal: stopping.signal },
    tell: (line) => {
      if (!line.startsWith('seed ')) return
      lines.push(line)
      if (lines.length === 2) stopping.abort()
    },
  })
}

describe('a soak', () => {
  test('counts what fails, ends and hangs, keeps the plan, and goes on with other seeds', async () => {
    await using folder = await temporaryDirectory()
    const outcome = await soakUntilLosses(folder.path)
    expect(outcome.failures.map(({ seed, kind }) => ({ seed, kind }))).toEqual([
      { seed: FAILING_SEED, kind: 'lost' },
      { seed: ENDING_SEED, kind: 'process-ended' },
      { seed: HANGING_SEED, kind: 'hung' },
    ])
    expect(outcome.seeds).toBeGreaterThan(2)
    expect(outcome).toMatchObject({ eventsMedian: EVENTS, events: outcome.seeds * EVENTS })
    expect(outcome.seedsTo).toBeGreaterThanOrEqual(HANGING_SEED)

    const kept = readPlanFile(outcome.failures[0]?.planPath ?? '')
    expect(kept.faults.length).toBe(2)
    expect(kept.operations).toEqual([])
    expect(makePlan(FAILING_SEED, 'survivable').faults).toEqual(
      expect.arrayContaining([...kept.faults]),
    )

    const world = { commit: 'abc', endedAt: '2026-11-22T00:00:00.000Z' }
    const expected = ['mark:put.admitted', 'mark:put.written']
    const report = makeReport(outcome, { ...world, expected })
    expect(report.missing).toEqual(['mark:put.written'])
    writeReport(folder.path, report)
    expect(nextFreshSeed(folder.path)).toBe(outcome.seedsTo + 1)
    const text = formatReport(report)
    expect(text).toContain('Never happened: mark:put.written.')
    expect(text).toContain(`survivable-${FAILING_SEED}.json`)
    expect(text).toContain(`pnpm simulate --seed ${HANGING_SEED} --suite survivable`)
  })
})

describe('the commands', () => {
  test('read times, seeds and suites', () => {
    expect(parseSoakCommand(['--for', '90s', '--suite', 'both', '--seeds-from', '5'])).toEqual({
      ...{ forMs: 90_000, seedsFrom: 5, suite: 'both', shards: undefined },
    })
    expect(parseSoakCommand(['--for', '1h'])).toMatchObject({ forMs: HOUR_MS })
    expect(parseSimulateCommand(['--seed', '5', '--suite', 'beyond', '--record'])).toMatchObject({
      ...{ source: { seed: 5, suite: 'beyond' }, record: true, shrink: false },
    })
    expect(parseSimulateCommand(['--plan', 'a.json'])).toMatchObject({
      source: { planPath: 'a.json' },
    })
    expect(parseSimulateCommand(['--help'])).toBe('help')
  })

  test.each([
    ['no time', () => parseSoakCommand([])],
    ['a time without a unit', () => parseSoakCommand(['--for', '10'])],
    ['an unknown suite', () => parseSoakCommand(['--for', '1h', '--suite', 'all'])],
    ['neither seed nor plan', () => parseSimulateCommand([])],
    ['both seed and plan', () => parseSimulateCommand(['--seed', '1', '--plan', 'a.json'])],
    ['a seed that is none', () => parseSimulateCommand(['--seed', 'x'])],
    ['an unknown option', () => parseSoakCommand(['--for', '1h', '--sedes-from', '1'])],
  ])('refuse %s', (_, parse) => {
    expect(parse).toThrow(TypeError)
  })
})
