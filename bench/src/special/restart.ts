/**
 * What a storage node needs from the start of its process to its first answered get, on a disk of
 * 100 sealed extents of 64 MiB, against a disk of one. Their pages are out of the page cache before
 * each start, and so they are read from the disk. The two disks take turns.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB, type DiskUuid } from '@kura/core'
import { nameZoneFolder } from '../load/remove-leftovers.ts'
import type { PartContext } from '../part.ts'
import { evictFiles } from './evict-files.ts'
import { BlockAppender, createExtent, fillExtent, makeExtentDisk } from './extent-disk.ts'
import { timeFirstRead, type StoredRecord } from './node-process.ts'
import type { SpecialPlan } from './special.ts'

const BLOCK_SIZE_BYTES = 4 * MIB
const BLOCKS_PER_EXTENT = 16
/** Room for 64 MiB of blocks, their headers, and what sealing and closing keep for themselves. */
const CAPACITY_BYTES = 80 * MIB
const APPENDERS = 2
const FEW_ROW = 'restart with 1 sealed extent'
const SERIAL = 1

export function restartRows({ restart }: SpecialPlan): readonly string[] {
  return [FEW_ROW, manyRow(restart)]
}

function manyRow({ extentCount }: SpecialPlan['restart']): string {
  return `restart with ${extentCount} sealed extents`
}

interface PreparedDisk {
  readonly folder: string
  readonly diskFolder: string
  readonly diskUuid: DiskUuid
  /** The first of each extent. */
  readonly records: readonly StoredRecord[]
}

interface Start {
  readonly seconds: number
  /** What the kernel kept of the disk in its page cache. */
  readonly cachedMib: number
}

export async function measureRestart(context: PartContext, plan: SpecialPlan): Promise<void> {
  const { extentCount, rounds } = plan.restart
  const folder = join(context.cacheFolder, nameZoneFolder(SERIAL))
  try {
    const few = await prepareDisk(join(folder, 'few'), 1)
    const many = await prepareDisk(join(folder, 'many'), extentCount)
    context.tell(`sealed ${extentCount} extents of 64 MiB on one disk, and one on another`)
    for (let run = 1; run <= rounds; run += 1) {
      const one = await start(few)
      const other = await start(many)
      const ratio = other.seconds / one.seconds
      keepStart(context, { row: FEW_ROW, run, ...one })
      keepStart(context, { row: manyRow(plan.restart), run, ...other, ratio })
      const ms = [one, other].map(({ seconds }) => (seconds * 1000).toFixed(0))
      context.tell(
        `restart, round ${run} of ${rounds}: 1 extent ${ms[0]} ms, ` +
          `${extentCount} extents ${ms[1]} ms, ${ratio.toFixed(2)}×`,
      )
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function prepareDisk(folder: string, extentCount: number): Promise<PreparedDisk> {
  const diskFolder = join(folder, 'disk')
  await mkdir(join(folder, 'coordination'), { recursive: true })
  const store = await makeExtentDisk(diskFolder)
  try {
    const sizeBytes = BLOCK_SIZE_BYTES
    const appenders = await BlockAppender.create(store, { count: APPENDERS, sizeBytes })
    const records: StoredRecord[] = []
    for (let number = 1; number <= extentCount; number += 1) {
      const extentId = await createExtent(store, { number, capacityBytes: CAPACITY_BYTES })
      const blockCount = BLOCKS_PER_EXTENT
      const hash = await fillExtent(appenders, { extentId, blockCount })
      const { digest } = await store.freeze(extentId)
      await store.seal(extentId, digest)
      records.push({ extentId, hash })
    }
    return { folder, diskFolder, diskUuid: store.identity.diskUuid, records }
  } finally {
    await store.close()
  }
}

async function start(disk: PreparedDisk): Promise<Start> {
  const cachedMib = await evictFiles(disk.diskFolder)
  const record = disk.records[Math.floor(Math.random() * disk.records.length)]
  if (record === undefined) throw new Error('a disk is prepared with records')
  return { seconds: await timeFirstRead(disk, record), cachedMib }
}

function keepStart(
  context: PartContext,
  start: Start & { readonly row: string; readonly run: number; readonly ratio?: number },
): void {
  const { row, run, seconds, cachedMib, ratio } = start
  context.keep({
    kind: 'sample',
    part: 'special',
    row,
    system: 'kura',
    run,
    seconds,
    operations: 1,
    bytes: BLOCK_SIZE_BYTES,
    processorSeconds: {},
    residentMib: {},
    figures: { startMs: seconds * 1000, cachedMib, ...(ratio === undefined ? {} : { ratio }) },
  })
}
