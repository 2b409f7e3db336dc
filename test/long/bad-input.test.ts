/**
 * A thousand bad requests of each kind at every door, against a zone of real processes.
 *
 * Goal: whatever strangers send, and how often: the answer is a typed error or the end of the
 * connection, nothing is stored, nothing stays behind, and others hardly notice.
 *
 * Method: good traffic touches every buffer first, until memory is level. Then the kinds send their
 * thousands, a few kinds at a time, as fast as they are answered; those that try the server's
 * patience, for which they only wait, do so beside the others and each other. Those that hold
 * buffers meanwhile come last: beside them everybody else would be told to come back. A healthy
 * client puts and gets all the time. Then it pauses, and the processes must hold what they held
 * before. At last its latency is compared with and without bad requests, at the rates of
 * `measure-latencies.ts`. A table of all of it is printed.
 * `test/scenarios` has the same kinds, one by one.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { MIB } from '@kura/core'
import { AskedProcess } from '../support/asked-process.ts'
import { BlocksOfKind, cellsOf, type CellPlace } from '../support/bad-input/attempts.ts'
import type { Answers } from '../support/bad-input/attack-program.ts'
import { BadInputZone } from '../support/bad-input/bad-input-zone.ts'
import { CUT } from '../support/bad-input/cell.ts'
import { ALL_DOORS } from '../support/bad-input/doors.ts'
import { readHoldings } from '../support/bad-input/holdings.ts'
import {
  groupOf,
  LatencyMeasurement,
  p99Of,
  type Attackers,
  type GroupLatency,
  type Healthy,
} from '../support/bad-input/measure-latencies.ts'
import { warmUp } from '../support/bad-input/warm-up.ts'

const REQUESTS = 1_000
const RESIDENT_GROWTH_MIB_MAX = 32
const P99_FACTOR_MAX = 2
const CALM_MS = 60_000
/** Of a thousand, some must end in the first way; of a handful, all may end in another. */
const FIRST_SEEN_FROM = 10
/** Of those that send on behind their answer. */
const CUT_SHARE_MAX = 0.05
const KINDS_AT_ONCE = 3
/** As a niceness: strangers have machines of their own. */
const LEAST_PRIORITY = '19'
const PROCESSES = ['frontend', 'storage-node'] as const

const places = cellsOf(ALL_DOORS)
const holdingCells = cellsWhere(({ cell }) => cell.holdsBuffer === true)
const waitingCells = cellsWhere(({ cell }) => cell.isSlow === true && cell.holdsBuffer !== true)
const quickCells = cellsWhere(({ cell }) => cell.isSlow !== true)

const opened = new AsyncDisposableStack()
let zone: BadInputZone
let healthy: Healthy
let attackers: Attackers
let slowAttackers: Attackers
let politeAttackers: Attackers
const answersOf = new Map<CellPlace, Readonly<Record<string, number>>>()
/** Of the process that a kind is for, behind its thousand. */
const residentMibOf = new Map<CellPlace, number>()
const secondsOf = new Map<CellPlace, number>()
let latencies: readonly GroupLatency[] = []

beforeAll(async () => {
  zone = opened.use(await BadInputZone.open())
  await warmUp(zone)
  const { pocket, block } = zone.target.endpoints
  const target = JSON.stringify(zone.target)
  healthy = opened.use(new AskedProcess('bad-input/healthy-program.ts', [pocket, block]))
  attackers = opened.use(new AskedProcess('bad-input/attack-program.ts', [target, '0']))
  slowAttackers = opened.use(new AskedProcess('bad-input/attack-program.ts', [target, '0']))
  politeAttackers = opened.use(
    new AskedProcess('bad-input/attack-program.ts', [target, LEAST_PRIORITY]),
  )
  await zone.noteBefore()
})

afterAll(async () => {
  printTable()
  await opened.disposeAsync()
})

function cellsWhere(isWanted: (place: CellPlace) => boolean): readonly number[] {
  return [...places.entries()].filter(([, place]) => isWanted(place)).map(([at]) => at)
}

async function sendThousands(from: Attackers, cells: readonly number[]): Promise<void> {
  const startedAtMs = performance.now()
  await takeAnswers(await from.ask({ kind: 'count', cells, requests: REQUESTS }))
  for (const at of cells) {
    const place = places[at]
    if (place !== undefined) secondsOf.set(place, (performance.now() - startedAtMs) / 1_000)
  }
}

async function takeAnswers(answers: Answers): Promise<void> {
  for (const [at, ofCell] of Object.entries(answers)) {
    const place = places[Number(at)]
    if (place === undefined) continue
    answersOf.set(place, ofCell)
    const { residentBytes } = await readHoldings(zone.service(place.process))
    residentMibOf.set(place, residentBytes / MIB)
  }
}

function unexpectedOf({ cell }: CellPlace, answers: Readonly<Record<string, number>>) {
  const [first = ''] = cell.answers
  const count = Object.values(answers).reduce((sum, each) => sum + each, 0)
  const cutsMax = cell.sendsOn === true ? count * CUT_SHARE_MAX : 0
  const unexpected = Object.entries(answers).filter(([answer, times]) => {
    return !cell.answers.includes(answer) && !(answer === CUT && times <= cutsMax)
  })
  const isFirstMissing = count >= FIRST_SEEN_FROM && answers[first] === undefined
  return [
    ...unexpected.map(([answer, times]) => `${times}× ${answer}`),
    ...(count < REQUESTS / (cell.requestsEach ?? 1) ? [`only ${count} ended`] : []),
    ...(isFirstMissing ? [`never ${first}`] : []),
  ]
}

it(`${REQUESTS} bad requests of each of ${places.length} kinds end as they must`, async () => {
  await healthy.ask('resume')
  const waiting = sendThousands(slowAttackers, waitingCells)
  for (let at = 0; at < quickCells.length; at += KINDS_AT_ONCE) {
    await sendThousands(attackers, quickCells.slice(at, at + KINDS_AT_ONCE))
  }
  await waiting
  await sendThousands(slowAttackers, holdingCells)
  const { failures, latenciesMs } = await healthy.ask('report')
  const count = latenciesMs.length
  process.stdout.write(
    `healthy client meanwhile: p99 ${p99Of(latenciesMs).toFixed(1)} ms of ${count}\n`,
  )
  await healthy.ask('pause')
  expect(failures).toEqual([])
  expect(count).toBeGreaterThan(REQUESTS)
  const unexpected = places.map((place) => [
    nameOf(place),
    unexpectedOf(place, answersOf.get(place) ?? {}),
  ])
  expect(unexpected.filter(([, complaints]) => (complaints?.length ?? 0) > 0)).toEqual([])
})

it('nothing of them is stored, and what was stored is intact', async () => {
  for (const place of places) {
    const blocks = new BlocksOfKind(place)
    blocks.makeAll()
    await zone.expectUnknown(place, blocks.hashes)
  }
  await zone.expectStoredIntact()
})

it.each(PROCESSES)(
  '%s: no buffer, byte, connection or descriptor of them is left',
  async (name) => {
    await zone.expectNothingHeld(name)
  },
)

it.each(PROCESSES)(`%s: at most ${RESIDENT_GROWTH_MIB_MAX} MiB more memory`, async (name) => {
  const beforeMib = zone.before(name).residentBytes / MIB
  const grownMib = async (): Promise<number> => {
    const { residentBytes } = await readHoldings(zone.service(name))
    return residentBytes / MIB - beforeMib
  }
  process.stdout.write(`${name}: ${beforeMib.toFixed(0)} MiB, at first ${await shown(grownMib)}\n`)
  // What the heap keeps for the next burst is given back in a calm moment.
  const most = expect.poll(grownMib, { timeout: CALM_MS, interval: 1_000 })
  await most.toBeLessThanOrEqual(RESIDENT_GROWTH_MIB_MAX)
  process.stdout.write(`${name}: ${await shown(grownMib)} in the end\n`)
})

it(`bad requests multiply the p99 of a healthy client by at most ${P99_FACTOR_MAX}`, async () => {
  await healthy.ask('resume')
  const measurement = new LatencyMeasurement({ healthy, attackers: politeAttackers })
  latencies = await measurement.run()
  await healthy.ask('pause')
  expect(measurement.failures).toEqual([])
  expect(latencies.filter(({ factor }) => !(factor <= P99_FACTOR_MAX))).toEqual([])
})

it.each(PROCESSES)('%s: at rest there are no more connections than at its start', async (name) => {
  await zone.expectDescriptorsAsBefore(name)
})

async function shown(grownMib: () => Promise<number>): Promise<string> {
  return `${(await grownMib()).toFixed(0)} MiB more`
}

function nameOf({ door, cell }: CellPlace): string {
  return `${door.name}: ${cell.kind}`
}

/** Kind, requests, answers by code, memory behind them, and what others noticed. */
function printTable(): void {
  const factors = new Map(latencies.map(({ group, factor }) => [group, factor]))
  const rows = [...answersOf].map(([place, answers]) => {
    const attempts = Object.values(answers).reduce((sum, each) => sum + each, 0)
    const said = Object.entries(answers).map(([answer, count]) => `${count}× ${answer}`)
    const requests = attempts * (place.cell.requestsEach ?? 1)
    const factor = factors.get(groupOf(place))?.toFixed(2) ?? '–'
    const mib = residentMibOf.get(place)?.toFixed(0) ?? '–'
    const seconds = secondsOf.get(place)?.toFixed(1) ?? '–'
    const figures = [`${requests}`, said.join(', '), `${seconds} s`, `${mib} MiB`, factor]
    return [nameOf(place), ...figures].join(' | ')
  })
  const groups = latencies.map(
    ({ group, attemptsPerSecond, p99Ms, calmP99Ms, factor, count }) =>
      `${group}, ${attemptsPerSecond}/s: p99 ${p99Ms.toFixed(1)} ms of ${count}, ` +
      `calm ${calmP99Ms.toFixed(1)} ms, factor ${factor.toFixed(2)}`,
  )
  const heading = 'kind | requests | answers | time | RSS | p99 with / without'
  process.stdout.write(`${[heading, ...rows, ...groups].join('\n')}\n`)
}
