/**
 * One load against a new zone of real processes, whose memory is watched meanwhile. A zone for each
 * load: all find the same disks, none what another has left in memory, and a minute of puts at a
 * time is all the disk space it takes.
 */
import { mkdir, rm } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { MIB, REPLICA_COUNT, type MemberKind } from '@kura/core'
import { LocalZone } from '@kura/local'
import { WorkerProcess } from '../load/worker-process.ts'
import { MemoryCgroups } from './memory-cgroups.ts'
import {
  BLOCK_SIZE_BYTES,
  type MemoryLoad,
  type MemoryOrders,
  type WorkerFindings,
} from './memory-load.ts'
import { MemoryWatch, type ResidentMemory } from './resident-memory.ts'

/** What a process may have resident, by kind. */
export const RESIDENT_BYTES_MAX = { frontend: 300 * MIB, 'storage-node': 200 * MIB } as const
/** Beside that: kernel memory for sockets, and page cache, of which a node's reads need some. */
const GROUP_ROOM_BYTES = { frontend: 64 * MIB, 'storage-node': 128 * MIB } as const
/** Clients are shared out to so many processes, lest one of them is the bottleneck. */
const WORKERS_MAX = 4
/** What two cores put among the gets of such a load; there must be room for it on the disk. */
const PUT_MIB_PER_SECOND = 80
/** Small ones, of which a zone preallocates less. */
const BUCKET_SIZE_BYTES = 128 * MIB
/** Beside the code that runs: `worker.js` when built, `worker.ts` under the tests. */
const WORKER = join(import.meta.dirname, `worker${extname(import.meta.filename)}`)

type WatchedKind = keyof typeof RESIDENT_BYTES_MAX

export interface MemoryResult extends MemoryLoad {
  readonly mibPerSecond: number
  readonly putCount: number
  readonly gotCount: number
  readonly repeatedCount: number
  readonly refusals: Readonly<Record<string, number>>
  readonly processes: readonly ResidentMemory[]
  readonly sampleCount: number
  /** Undefined without cgroups. */
  readonly oomKillCount: number | undefined
}

export interface MeasureMemoryOptions {
  /** A folder that is made, and removed afterwards. */
  readonly dataDir: string
  readonly hasCgroups: boolean
  readonly tell: (line: string) => void
}

export async function measureMemory(
  load: MemoryLoad,
  options: MeasureMemoryOptions,
): Promise<MemoryResult> {
  using cgroups = options.hasCgroups ? MemoryCgroups.open(`${options.dataDir}-cgroup`) : undefined
  await mkdir(options.dataDir, { recursive: true })
  try {
    const contentBytes = load.seconds * PUT_MIB_PER_SECOND * MIB * REPLICA_COUNT
    const { tell } = options
    const dataDir = join(options.dataDir, 'zone')
    await using zone = await LocalZone.prepare({
      dataDir,
      portBase: 0,
      restarts: false,
      bucketSizeBytes: BUCKET_SIZE_BYTES,
      contentBytes,
      tell,
    })
    for (const service of zone.services) {
      service.start()
      const { name, kind, pid } = service
      if (pid !== undefined && isWatched(kind)) {
        const limitBytes = RESIDENT_BYTES_MAX[kind] + GROUP_ROOM_BYTES[kind]
        cgroups?.add(name, { pid, limitBytes })
      }
    }
    await Promise.all(zone.services.map((service) => service.waitReady()))
    const measured = await measureZone(zone, load)
    return { ...measured, oomKillCount: cgroups?.oomKillCount() }
  } finally {
    await rm(options.dataDir, { recursive: true, force: true })
  }
}

async function measureZone(
  zone: LocalZone,
  load: MemoryLoad,
): Promise<Omit<MemoryResult, 'oomKillCount'>> {
  const { pocket, block, http } = zone.endpoints
  const orders = planWorkers(load, { pocket, block, http })
  const workers = orders.map(() => new WorkerProcess<MemoryOrders, WorkerFindings>(WORKER))
  try {
    await Promise.all(workers.map((worker, index) => worker.prepare(at(orders, index))))
    const watch = new MemoryWatch(watchedProcesses(zone))
    const findings = await Promise.all(workers.map((worker) => worker.measure()))
    const processes = watch.end()
    const sum = addUp(findings)
    const blockCount = sum.putCount + sum.gotCount
    const mibPerSecond = (blockCount * BLOCK_SIZE_BYTES) / MIB / load.seconds
    return { ...load, ...sum, mibPerSecond, processes, sampleCount: watch.sampleCount }
  } finally {
    await Promise.all(workers.map((worker) => worker.close()))
  }
}

function planWorkers(load: MemoryLoad, endpoints: MemoryOrders['endpoints']): MemoryOrders[] {
  const workerCount = Math.min(WORKERS_MAX, load.clients)
  const { seconds } = load
  const moving = Array.from({ length: workerCount }, (_, index): MemoryOrders => {
    const clients = Math.floor((load.clients + index) / workerCount)
    return { kind: 'moving', endpoints, clients, seconds, workerName: `moving-${index}` }
  })
  if (load.slowClients === 0) return moving
  const clients = load.slowClients
  return [...moving, { kind: 'slow', endpoints, clients, seconds, workerName: 'slow' }]
}

function watchedProcesses(zone: LocalZone) {
  return zone.services.flatMap(({ name, kind, pid }) => {
    if (!isWatched(kind)) return []
    if (pid === undefined) throw new Error(`${name} is not running`)
    return [{ name, kind, pid }]
  })
}

function isWatched(kind: MemberKind): kind is WatchedKind {
  return kind in RESIDENT_BYTES_MAX
}

function addUp(findings: readonly WorkerFindings[]): WorkerFindings {
  const refusals: Record<string, number> = {}
  const sum = { putCount: 0, gotCount: 0, repeatedCount: 0, refusals }
  for (const one of findings) {
    sum.putCount += one.putCount
    sum.gotCount += one.gotCount
    sum.repeatedCount += one.repeatedCount
    for (const [code, count] of Object.entries(one.refusals)) {
      refusals[code] = (refusals[code] ?? 0) + count
    }
  }
  return sum
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index]
  if (item === undefined) throw new Error('there are orders for every worker')
  return item
}
