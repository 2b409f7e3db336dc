/** What `kura top` shows, as figures: from the readings of all processes and those before them. */
import { Interval, type Reading } from './reading.ts'

/** Figures that need two readings, or something to have happened, are undefined without. */
export type Maybe = number | undefined

export interface FrontendView {
  readonly id: string
  readonly isUp: boolean
  readonly putsPerSecond: Maybe
  readonly getsPerSecond: Maybe
  readonly statsPerSecond: Maybe
  readonly receivedBytesPerSecond: Maybe
  readonly sentBytesPerSecond: Maybe
  readonly putSecondsP50: Maybe
  readonly putSecondsP99: Maybe
  readonly getSecondsP50: Maybe
  readonly getSecondsP99: Maybe
  readonly slabs: number
  readonly slabsUsed: number
  readonly heldBytes: number
  readonly waiters: number
  readonly refusalsPerSecond: Maybe
  readonly degradedReadsPerSecond: Maybe
  readonly hedgesPerSecond: Maybe
  readonly connections: number
  /** By code, those that happened in this interval, the most frequent first. */
  readonly errorsPerSecond: readonly (readonly [code: string, perSecond: number])[]
}

export interface DiskView {
  readonly id: string
  /** The registry's word where it is known, `suspect` from the node itself, `down`. */
  readonly state: string
  readonly writtenBytesPerSecond: Maybe
  readonly readBytesPerSecond: Maybe
  readonly syncSecondsP50: Maybe
  readonly syncSecondsP99: Maybe
  readonly recordsPerBatch: Maybe
  readonly queuedAppends: number
  readonly usedBytes: number
  readonly sizeBytes: number
  readonly damages: number
}

export interface CellView {
  readonly id: string
  /** False where no volume manager of the cell leads: then the figures are 0. */
  readonly hasLeader: boolean
  readonly usable: number
  readonly byState: Readonly<Record<string, number>>
  readonly underReplicated: number
  readonly alarms: number
}

export interface IndexView {
  readonly isUp: boolean
  readonly rows: number
  readonly commitsPerSecond: Maybe
  readonly operationsPerCommit: Maybe
  readonly commitSecondsP99: Maybe
  readonly waiting: number
}

export interface ProcessView {
  readonly kind: string
  readonly id: string
  readonly isUp: boolean
  readonly residentBytes: number
  /** 1 is one processor. */
  readonly processorShare: Maybe
  readonly loopDelaySecondsP99: Maybe
}

export interface TopView {
  readonly title: string
  readonly atMs: number
  readonly intervalMs: number
  /** Why the list of services may be old. */
  readonly problem: string | undefined
  readonly frontends: readonly FrontendView[]
  readonly disks: readonly DiskView[]
  readonly cells: readonly CellView[]
  readonly indexes: readonly IndexView[]
  readonly processes: readonly ProcessView[]
}

export interface TopReadings {
  readonly now: readonly Reading[]
  readonly before: readonly Reading[]
  /** As the registry has them, by node (`1-3`); empty where nobody was asked. */
  readonly diskStates: ReadonlyMap<string, string>
}

interface Look {
  readonly id: string
  readonly kind: string
  /** Undefined where the process does not answer. */
  readonly interval: Interval | undefined
}

export type TopFigures = Omit<TopView, 'title' | 'atMs' | 'intervalMs' | 'problem'>

export function computeView(readings: TopReadings): TopFigures {
  const looks = readings.now.map((reading) => lookAt(reading, readings.before))
  const ofKind = (kind: string): Look[] => looks.filter((look) => look.kind === kind)
  return {
    frontends: ofKind('frontend').map(viewFrontend),
    disks: ofKind('storage-node').map((look) => viewDisk(look, readings.diskStates)),
    cells: viewCells(ofKind('volume-manager')),
    indexes: ofKind('block-index').map(viewIndex),
    processes: looks.map(viewProcess),
  }
}

function lookAt(reading: Reading, before: readonly Reading[]): Look {
  const { target, page, atMs } = reading
  const { kind, id } = target
  if (page === undefined) return { kind, id, interval: undefined }
  const last = before.find((one) => one.target.address === target.address)
  if (last?.page === undefined) return { kind, id, interval: new Interval(page, undefined) }
  const seconds = (atMs - last.atMs) / 1000
  return { kind, id, interval: new Interval(page, { page: last.page, seconds }) }
}

function viewFrontend({ id, interval }: Look): FrontendView {
  const { page } = interval ?? {}
  const name = (rest: string): string => `kura_frontend_${rest}`
  const operation = (value: string): Maybe =>
    interval?.rate(name('requests_total'), { operation: value })
  const quantile = (share: number, value: string): Maybe =>
    interval?.quantile(share, name('request_duration_seconds'), {
      operation: value,
      outcome: 'ok',
    })
  return {
    id,
    isUp: interval !== undefined,
    putsPerSecond: operation('putBlock'),
    getsPerSecond: operation('getBlock'),
    statsPerSecond: operation('statBlock'),
    receivedBytesPerSecond: interval?.rate(name('received_bytes_total')),
    sentBytesPerSecond: interval?.rate(name('sent_bytes_total')),
    putSecondsP50: quantile(0.5, 'putBlock'),
    putSecondsP99: quantile(0.99, 'putBlock'),
    getSecondsP50: quantile(0.5, 'getBlock'),
    getSecondsP99: quantile(0.99, 'getBlock'),
    slabs: page?.sum(name('slabs')) ?? 0,
    slabsUsed: page?.sum(name('slabs_used')) ?? 0,
    heldBytes: page?.sum(name('held_bytes')) ?? 0,
    waiters: page?.sum(name('admission_waiters')) ?? 0,
    refusalsPerSecond: interval?.rate(name('admission_refusals_total')),
    degradedReadsPerSecond: interval?.rate(name('degraded_reads_total')),
    hedgesPerSecond: interval?.rate(name('hedges_total')),
    connections: page?.sum(name('connections')) ?? 0,
    errorsPerSecond: interval === undefined ? [] : listErrors(interval),
  }
}

const GOOD_CODES: readonly (string | undefined)[] = ['ok', 'already-stored', 'not-modified']

function listErrors(interval: Interval): [string, number][] {
  const requests = 'kura_frontend_requests_total'
  const codes = new Set(interval.page.figures(requests).map(({ labels }) => labels['code'] ?? ''))
  return [...codes]
    .filter((code) => !GOOD_CODES.includes(code))
    .map((code): [string, number] => [code, interval.rate(requests, { code }) ?? 0])
    .filter(([, perSecond]) => perSecond > 0)
    .sort(([, one], [, other]) => other - one)
}

function viewDisk({ id, interval }: Look, states: ReadonlyMap<string, string>): DiskView {
  const { page } = interval ?? {}
  const name = (rest: string): string => `kura_storage_node_${rest}`
  const sizeBytes = page?.sum(name('disk_size_bytes')) ?? 0
  const isSuspect = page?.sum(name('suspect')) === 1
  const state = isSuspect ? 'suspect' : (states.get(id) ?? 'up')
  return {
    id,
    state: interval === undefined ? 'down' : state,
    writtenBytesPerSecond: interval?.rate(name('written_bytes_total')),
    readBytesPerSecond: interval?.rate(name('read_bytes_total')),
    syncSecondsP50: interval?.quantile(0.5, name('sync_duration_seconds')),
    syncSecondsP99: interval?.quantile(0.99, name('sync_duration_seconds')),
    recordsPerBatch: interval?.mean(name('append_batch_records')),
    queuedAppends: page?.sum(name('queued_appends')) ?? 0,
    usedBytes: sizeBytes - (page?.sum(name('disk_free_bytes')) ?? 0),
    sizeBytes,
    damages: page?.sum(name('damages')) ?? 0,
  }
}

/** One for each cell: its leader, or where none leads, that there is none. */
function viewCells(managers: readonly Look[]): CellView[] {
  const cells = new Map<string, CellView>()
  for (const { id, interval } of managers) {
    const cellId = id.split('-')[0] ?? id
    const { page } = interval ?? {}
    const name = (rest: string): string => `kura_volume_manager_${rest}`
    const hasLeader = page?.sum(name('leading')) === 1
    if (!hasLeader && cells.has(cellId)) continue
    const figures = page?.figures(name('volumes')) ?? []
    cells.set(cellId, {
      id: cellId,
      hasLeader,
      usable: page?.sum(name('usable_volumes')) ?? 0,
      byState: Object.fromEntries(figures.map(({ labels, value }) => [labels['state'], value])),
      underReplicated: page?.sum(name('under_replicated_volumes')) ?? 0,
      alarms: page?.sum(name('alarms')) ?? 0,
    })
  }
  return [...cells.values()]
}

function viewIndex({ interval }: Look): IndexView {
  const name = (rest: string): string => `kura_block_index_${rest}`
  return {
    isUp: interval !== undefined,
    rows: interval?.page.sum(name('rows')) ?? 0,
    commitsPerSecond: interval?.rate(name('commit_operations_count')),
    operationsPerCommit: interval?.mean(name('commit_operations')),
    commitSecondsP99: interval?.quantile(0.99, name('commit_duration_seconds')),
    waiting: interval?.page.sum(name('waiting_operations')) ?? 0,
  }
}

function viewProcess({ kind, id, interval }: Look): ProcessView {
  return {
    kind,
    id,
    isUp: interval !== undefined,
    residentBytes: interval?.page.sum('process_resident_memory_bytes') ?? 0,
    processorShare: interval?.rate('process_cpu_seconds_total'),
    loopDelaySecondsP99: interval?.quantile(0.99, 'kura_event_loop_delay_seconds'),
  }
}
