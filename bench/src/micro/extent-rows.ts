/** The extent store on a real folder: durable appends, and what a start spends on recovery. */
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { GIB, KIB, MIB, PAGE_SIZE_BYTES, SlabPool, type ExtentId, type Slab } from '@kura/core'
import type { ExtentStore } from '@kura/extent'
import { nameSize } from '../load/load.ts'
import type { PartContext } from '../part.ts'
import { evictFiles } from '../special/evict-files.ts'
import {
  BlockAppender,
  createExtent,
  fillExtent,
  makeExtentDisk,
  openExtentDisk,
} from '../special/extent-disk.ts'
import { freshHash, stayAwake } from '../special/index-store.ts'
import { measureRow, type MicroPlan } from './micro.ts'

const APPENDED_SIZES = [4 * MIB, 4 * KIB]
const AT_ONCE = [1, 16]
const CAPACITY_BYTES = GIB
/** The rest is room for closing, which the store keeps. */
const CAPACITY_SHARE = 0.8

const RECOVERED = [
  { sizeBytes: 4 * MIB, share: 1, appenders: 2 },
  { sizeBytes: 64 * KIB, share: 1 / 4, appenders: 16 },
]
const ROOM_BYTES = 128 * MIB

const never = new AbortController().signal

export async function measureExtents(
  context: PartContext,
  plan: MicroPlan,
  folder: string,
): Promise<void> {
  using _awake = stayAwake()
  for (const sizeBytes of APPENDED_SIZES) {
    for (const atOnce of AT_ONCE) {
      const row = `extent append ${nameSize(sizeBytes)} × ${atOnce}`
      if (!context.wants(row)) continue
      await onNewDisk(join(folder, 'append'), async (store) => {
        for (let run = 1; run <= plan.runs; run += 1) {
          await measureAppends(store, { row, run, sizeBytes, atOnce }, { context, plan })
        }
      })
    }
  }
  for (const recovered of RECOVERED) {
    const row = `extent recovery ${nameSize(recovered.sizeBytes)}`
    for (let run = 1; run <= plan.runs && context.wants(row); run += 1) {
      await measureRecovery(join(folder, 'recovery'), { ...recovered, row, run }, { context, plan })
    }
  }
}

async function onNewDisk(
  folder: string,
  work: (store: ExtentStore) => Promise<void>,
): Promise<void> {
  const store = await makeExtentDisk(folder)
  try {
    await work(store)
  } finally {
    await store.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * The same bytes under another hash each time: the store never makes a SHA-256 itself, and what one
 * costs is a row of its own. The CRC-32 that the store makes before each write is in the figure.
 */
async function measureAppends(
  store: ExtentStore,
  appends: {
    readonly row: string
    readonly run: number
    readonly sizeBytes: number
    readonly atOnce: number
  },
  { context, plan }: { readonly context: PartContext; readonly plan: MicroPlan },
): Promise<void> {
  const { row, run, sizeBytes, atOnce } = appends
  const extentId = await createExtent(store, { number: run, capacityBytes: CAPACITY_BYTES })
  const pool = new SlabPool({ largeCount: atOnce, smallCount: 0, waitersMax: 0 })
  const sizes = Array.from({ length: atOnce }, () => sizeBytes)
  const slabs = await pool.reserveAll(sizes, { signal: never })
  const operates = slabs.map((slab) => makeAppend(store, { extentId, slab, sizeBytes }))
  const { seconds } = plan
  const operationsMax = (CAPACITY_SHARE * CAPACITY_BYTES) / (sizeBytes + PAGE_SIZE_BYTES)
  const how = { row, system: 'kura', run, sizeBytes, seconds, operates, operationsMax } as const
  await measureRow(context, how)
  for (const slab of slabs) slab.release()
}

function makeAppend(
  store: ExtentStore,
  {
    extentId,
    slab,
    sizeBytes,
  }: { readonly extentId: ExtentId; readonly slab: Slab; readonly sizeBytes: number },
): () => Promise<void> {
  randomBytes(sizeBytes).copy(slab.payload)
  const record = { slab, sizeBytes, plainCrc: crc32(slab.payload.subarray(0, sizeBytes)) }
  return async () => {
    await store.append(extentId, { ...record, hash: freshHash(), putAtMs: 0 })
  }
}

/** The start of a store whose only extent was open when the process before it ended. */
async function measureRecovery(
  folder: string,
  recovery: {
    readonly row: string
    readonly run: number
    readonly sizeBytes: number
    readonly share: number
    readonly appenders: number
  },
  { context, plan }: { readonly context: PartContext; readonly plan: MicroPlan },
): Promise<void> {
  const { row, run, sizeBytes } = recovery
  const bytes = plan.recoveredBytes * recovery.share
  try {
    const recordCount = bytes / sizeBytes
    await leaveUnsealed(folder, { sizeBytes, recordCount, count: recovery.appenders })
    const cachedMib = await evictFiles(folder)
    const processorBefore = process.cpuUsage()
    const startedAtMs = performance.now()
    const store = await openExtentDisk(folder)
    const seconds = (performance.now() - startedAtMs) / 1000
    const { user, system } = process.cpuUsage(processorBefore)
    await store.close()
    const secondsPerGib = (seconds * GIB) / bytes
    context.keep({
      kind: 'sample',
      part: 'micro',
      row,
      system: 'kura',
      run,
      seconds,
      operations: recordCount,
      bytes,
      processorSeconds: { bench: (user + system) / 1_000_000 },
      residentMib: {},
      figures: { secondsPerGib, cachedMib },
    })
    context.tell(`${row}, run ${run}: ${secondsPerGib.toFixed(2)} s/GiB`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function leaveUnsealed(
  folder: string,
  extent: { readonly sizeBytes: number; readonly recordCount: number; readonly count: number },
): Promise<void> {
  const { sizeBytes, recordCount, count } = extent
  const store = await makeExtentDisk(folder)
  try {
    const capacityBytes = recordCount * (sizeBytes + PAGE_SIZE_BYTES) + ROOM_BYTES
    const extentId = await createExtent(store, { number: 1, capacityBytes })
    const appenders = await BlockAppender.create(store, { count, sizeBytes })
    await fillExtent(appenders, { extentId, blockCount: recordCount })
  } finally {
    await store.close()
  }
}
