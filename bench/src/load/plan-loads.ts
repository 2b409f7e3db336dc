/** Which zones are started, and which rows are measured in each. */
import { GIB, KIB, MIB } from '@kura/core'
import { DOORS, nameSize, type Door, type Load, type Pattern } from './load.ts'

export type Extent = 'full' | 'quick'

export interface RowPlan {
  readonly row: string
  readonly load: Load
  readonly driver?: 'autocannon'
  /** The rate of arrivals, as a share of what a closed loop of as many clients has reached. */
  readonly shareOfPeak?: number
  /** A storage node is killed: before the row, or in its midst. */
  readonly kill?: 'before' | 'meanwhile'
}

/** All rows of a zone have one size and one door; every zone is new and removed afterwards. */
export interface ZonePlan {
  readonly sizeBytes: number
  readonly door: Door
  /** In this order. */
  readonly rows: readonly RowPlan[]
  /** Whether what dies is started again, as users run it; else a death fails the row. */
  readonly restarts: boolean
  /** What storing may take before the first row that gets. */
  readonly fillSeconds: number
}

interface Times {
  readonly row: { readonly seconds: number; readonly warmUpSeconds: number }
  /** Rows that are not of the matrix. */
  readonly extra: { readonly seconds: number; readonly warmUpSeconds: number }
  readonly fillSeconds: number
}

const TIMES: Readonly<Record<Extent, Times>> = {
  full: {
    row: { seconds: 10, warmUpSeconds: 2 },
    extra: { seconds: 5, warmUpSeconds: 1 },
    fillSeconds: 3,
  },
  quick: {
    row: { seconds: 2, warmUpSeconds: 0.5 },
    extra: { seconds: 1.5, warmUpSeconds: 0.5 },
    fillSeconds: 1,
  },
}

/**
 * Three copies of it, a zone's preallocated extents and the next zone are on the disk together, and
 * that is never more than 40 GiB. A store that puts more in its time ends the row before it.
 */
const PUT_BYTES_MAX = 7 * GIB

const AUTOCANNON_SECONDS_MIN = 3

const LARGE = 4 * MIB
const SMALL = 4 * KIB
const SIZES = [LARGE, MIB, 64 * KIB, SMALL]
const CLIENTS = [1, 4, 16, 64]
const MANY = 16
/** In the open loop at most so many are in flight. */
const OPEN_LOOP_CLIENTS = 64
const SHARES_OF_PEAK = { full: [0.3, 0.6, 0.9], quick: [0.6] } as const
const OPEN_LOOP_SIZES = { full: [LARGE, SMALL], quick: [LARGE] } as const
/** A look at each size, at one client, and at each door. */
const QUICK_ZONES: readonly (readonly [Door, number, number])[] = [
  ['client', LARGE, 1],
  ['client', LARGE, MANY],
  ['client', 64 * KIB, MANY],
  ['client', SMALL, MANY],
  ['http', LARGE, MANY],
  ['grpc', LARGE, MANY],
]

export function planZones(extent: Extent): readonly ZonePlan[] {
  const times = TIMES[extent]
  const matrix = extent === 'full' ? fullMatrix() : QUICK_ZONES
  return [
    ...matrix.map((cell) => planCell(cell, times)),
    planTroubled('before', times),
    planTroubled('meanwhile', times),
    ...OPEN_LOOP_SIZES[extent].map((sizeBytes) =>
      planOpenLoop(sizeBytes, SHARES_OF_PEAK[extent], times),
    ),
  ]
}

function fullMatrix(): readonly (readonly [Door, number, number])[] {
  return DOORS.flatMap((door) =>
    SIZES.flatMap((size) => CLIENTS.map((clients) => [door, size, clients] as const)),
  )
}

/** Put and get of one size at one door, and the rows beside them that need nothing else. */
function planCell([door, sizeBytes, clients]: readonly [Door, number, number], times: Times) {
  const load = { door, sizeBytes, clients, ...times.row }
  const extra = { ...load, ...times.extra }
  const isMany = clients === MANY
  const isMixed = isMany && door === 'client' && (sizeBytes === LARGE || sizeBytes === SMALL)
  const isHot = isMany && door === 'client' && sizeBytes === LARGE
  const name = `${nameSize(sizeBytes)} × ${clients}`
  const autocannon = (pattern: Pattern): RowPlan => ({
    row: `${pattern} ${name} autocannon`,
    // At the end it throws away what is under way, and it is slow with large bodies.
    load: { ...load, pattern, seconds: Math.max(AUTOCANNON_SECONDS_MIN, extra.seconds) },
    driver: 'autocannon',
  })
  const rows: readonly RowPlan[] = [
    { row: `put ${name} ${door}`, load: { ...load, pattern: 'put', putBytesMax: PUT_BYTES_MAX } },
    { row: `get ${name} ${door}`, load: { ...load, pattern: 'get' } },
    ...(isMany && door === 'http' ? [autocannon('put'), autocannon('get')] : []),
    ...(isMixed ? [{ row: `mixed ${name}`, load: { ...extra, pattern: 'mixed' as const } }] : []),
    ...(isHot ? [{ row: `hot get ${name}`, load: { ...extra, pattern: 'hot-get' as const } }] : []),
  ]
  return { sizeBytes, door, rows, restarts: false, fillSeconds: times.fillSeconds }
}

function planTroubled(kill: 'before' | 'meanwhile', times: Times): ZonePlan {
  const load = { door: 'client' as const, sizeBytes: LARGE, clients: MANY, ...times.row }
  const name = `${nameSize(LARGE)} × ${MANY}`
  const row: RowPlan =
    kill === 'before'
      ? { row: `degraded get ${name}`, load: { ...load, pattern: 'get' }, kill }
      : {
          row: `put ${name}, node killed`,
          load: { ...load, pattern: 'put', putBytesMax: PUT_BYTES_MAX, mayFail: true },
          kill,
        }
  const { fillSeconds } = times
  const restarts = kill === 'meanwhile'
  return { sizeBytes: LARGE, door: 'client', rows: [row], restarts, fillSeconds }
}

function planOpenLoop(sizeBytes: number, shares: readonly number[], times: Times): ZonePlan {
  const load = { door: 'client' as const, sizeBytes, clients: OPEN_LOOP_CLIENTS, ...times.extra }
  const rows = (['put', 'get'] as const).flatMap((pattern) =>
    shares.map((shareOfPeak) => ({
      row: `open loop ${pattern} ${nameSize(sizeBytes)} at ${shareOfPeak * 100} %`,
      load: { ...load, pattern },
      shareOfPeak,
    })),
  )
  const { fillSeconds } = times
  return { sizeBytes, door: 'client', rows, restarts: false, fillSeconds }
}
