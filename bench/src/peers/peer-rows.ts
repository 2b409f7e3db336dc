/** The rows that are compared, and how long and how often they run. */
import { GIB, KIB, MIB } from '@kura/core'

export interface PeerRow {
  readonly name: string
  readonly operation: 'put' | 'get'
  readonly sizeBytes: number
  /** Each has one request in flight. */
  readonly clients: number
}

/** Rows on one set of data. A get reads what the put before it has stored. */
export type Stage = readonly PeerRow[]

export interface PeerPlan {
  readonly rounds: number
  readonly warmUpSeconds: number
  readonly seconds: number
  /** Each on new data, which is removed before the next stage. */
  readonly stages: readonly Stage[]
  /** Whether gets also run with the peer's client hashing, and `rados bench` checks the driver. */
  readonly isWhole: boolean
}

/** Three copies of it, and what both systems allocate ahead, stay below 40 GiB. */
export const STAGE_BYTES_MAX = 10 * GIB

const PUT_LARGE = row('put', 4 * MIB, 16)
const GET_LARGE = row('get', 4 * MIB, 16)

/** The row whose gets also run with the peer's client hashing, as Kura's client does. */
export const HASHED_ROW = GET_LARGE

const STAGES: readonly Stage[] = [
  [PUT_LARGE, GET_LARGE],
  [
    row('put', 4 * MIB, 1),
    row('put', 64 * KIB, 16),
    row('get', 64 * KIB, 16),
    row('put', 4 * KIB, 16),
    row('get', 4 * KIB, 16),
  ],
]

export function planPeers(options: {
  readonly isQuick: boolean
  readonly wants: (row: string) => boolean
}): PeerPlan {
  const { isQuick, wants } = options
  const stages = (isQuick ? STAGES.slice(0, 1) : STAGES)
    .map((stage) => stage.filter((each) => wants(each.name) || isNeeded(each, { stage, wants })))
    .filter((stage) => stage.length > 0)
  return isQuick
    ? { rounds: 1, warmUpSeconds: 1, seconds: 3, stages, isWhole: false }
    : { rounds: 5, warmUpSeconds: 5, seconds: 15, stages, isWhole: true }
}

/** Reads the same blocks as `put` has stored. */
export function findGetOf(put: PeerRow, stage: Stage): PeerRow | undefined {
  return stage.find(
    ({ operation, sizeBytes, clients }) =>
      operation === 'get' && sizeBytes === put.sizeBytes && clients === put.clients,
  )
}

/**
 * What `rados bench` repeats at the end of this stage in this round: each row once in all rounds,
 * one size and number of clients in each of them.
 */
export function planChecks(plan: PeerPlan, stage: Stage, run: number): Stage {
  const puts = plan.stages.flat().filter(({ operation }) => operation === 'put')
  const put = plan.isWhole ? puts[run - 1] : undefined
  if (put === undefined || !stage.includes(put)) return []
  return [put, findGetOf(put, stage) ?? []].flat()
}

function isNeeded(
  each: PeerRow,
  { stage, wants }: { readonly stage: Stage; readonly wants: (row: string) => boolean },
): boolean {
  const get = each.operation === 'put' ? findGetOf(each, stage) : undefined
  return get !== undefined && wants(get.name)
}

function row(operation: 'put' | 'get', sizeBytes: number, clients: number): PeerRow {
  const size = sizeBytes >= MIB ? `${sizeBytes / MIB} MiB` : `${sizeBytes / KIB} KiB`
  return { name: `${operation} ${size} × ${clients}`, operation, sizeBytes, clients }
}
