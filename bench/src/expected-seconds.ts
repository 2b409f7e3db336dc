/**
 * About how long each part takes when it is run whole. What the plans say is added up; what is done
 * beside it was measured on a machine with two cores and is a constant here.
 */
import { MIB } from '@kura/core'
import { planZones, type Extent, type RowPlan, type ZonePlan } from './load/plan-loads.ts'
import { planMicro } from './micro/micro.ts'
import { planPeers } from './peers/peer-rows.ts'
import type { Part } from './results/sample.ts'
import { planSpecial } from './special/special.ts'

/** The worker process of a row, its clients, and what is in flight at its end. */
const ROW_SECONDS = 0.7
/** Of a zone's start what no reading back hides, its end, and its removal. */
const ZONE_SECONDS = 3
/** Start, end and removal of a zone or a cluster where nothing hides them. */
const WHOLE_ZONE_SECONDS = 9

const EXPECTED: Readonly<Record<Part, (extent: Extent) => number>> = {
  limit: (extent) => (extent === 'full' ? 14 : 2),
  load: (extent) => sumOf(planZones(extent).map(ofZone)),
  micro: (extent) => ofMicro(extent === 'quick'),
  special: (extent) => ofSpecial(extent === 'quick'),
  peers: (extent) => ofPeers(extent === 'quick'),
}

export function expectedSeconds(part: Part, extent: Extent): number {
  return EXPECTED[part](extent)
}

/** What was put, but not got by a row of gets, is read back, and faster than it was put. */
const READ_BACK = { withGets: 0.2, withoutGets: 0.9 }
/** The closed loop by which a rate is chosen. */
const PEAK_SECONDS = 3.5

function ofZone(plan: ZonePlan): number {
  const { rows } = plan
  const putSeconds = sumOf(rows.filter(({ load }) => load.pattern === 'put').map(ofRow))
  const hasGets = rows.some(({ load }) => load.pattern !== 'put')
  // Puts of larger blocks leave a set that is large enough.
  const isFilled = plan.sizeBytes >= MIB && putSeconds > 0
  const fillSeconds = hasGets && !isFilled ? plan.fillSeconds : 0
  const readBackSeconds = putSeconds * READ_BACK[hasGets ? 'withGets' : 'withoutGets']
  const arriving = rows.filter(({ shareOfPeak }) => shareOfPeak !== undefined)
  const peaks = new Set(arriving.map(({ load }) => load.pattern)).size * PEAK_SECONDS
  return ZONE_SECONDS + sumOf(rows.map(ofRow)) + fillSeconds + peaks + readBackSeconds
}

function ofRow({ load: { warmUpSeconds, seconds } }: RowPlan): number {
  return warmUpSeconds + seconds + ROW_SECONDS
}

/** Hash and checksum, hops, appends, and the index at two sizes. */
const MICRO_ROWS = 4 + 4 + 4 + 6
const MICRO_OTHER_SECONDS = { full: 75, quick: 12 }

function ofMicro(isQuick: boolean): number {
  const { runs, seconds } = planMicro(isQuick)
  return MICRO_ROWS * runs * seconds + MICRO_OTHER_SECONDS[isQuick ? 'quick' : 'full']
}

const INDEX_ROWS_PER_SECOND = 20_000
const SEALED_PER_SECOND = 3
const START_SECONDS = 1.5

function ofSpecial(isQuick: boolean): number {
  const { overload, largeIndex, restart } = planSpecial(isQuick)
  const { warmUpSeconds, seconds, peakSeconds } = overload
  const overloadSeconds = warmUpSeconds + seconds + 2 * (1 + peakSeconds)
  const windowSeconds = WHOLE_ZONE_SECONDS + largeIndex.warmUpSeconds + 1.5 * largeIndex.seconds
  return sumOf([
    overload.rounds * (WHOLE_ZONE_SECONDS + 1.5 * overloadSeconds),
    largeIndex.rowCount / INDEX_ROWS_PER_SECOND,
    2 * (largeIndex.windows + 1) * windowSeconds,
    restart.extentCount / SEALED_PER_SECOND,
    2 * restart.rounds * START_SECONDS,
  ])
}

/** Of each peer in each round. */
const STAGE_SECONDS = 13
const SYSTEMS = 2

function ofPeers(isQuick: boolean): number {
  const { rounds, stages, warmUpSeconds, seconds, isWhole } = planPeers({
    isQuick,
    wants: () => true,
  })
  const rows = stages.flat()
  const rowSeconds = warmUpSeconds + seconds + 2 * ROW_SECONDS
  const stageSeconds = stages.length * SYSTEMS * STAGE_SECONDS
  const checkSeconds = isWhole ? rows.length * seconds : 0
  const hashedRows = isWhole ? 1 : 0
  return rounds * (stageSeconds + (SYSTEMS * rows.length + hashedRows) * rowSeconds) + checkSeconds
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0)
}
