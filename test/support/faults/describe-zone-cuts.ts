/**
 * Goal: a zone whose machine loses power, all of it at once, comes back with every block that it
 * acknowledged: storage nodes, block index, volume manager, zone master and frontend together.
 *
 * Method: a zone on one file system of its own, on a disk that loses its cache. 16 clients put
 * through the frontend; all processes are frozen, the power is cut, everything is killed. After the
 * restart a process of its own reads every block back; volumes open anew, and puts go on.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { KuraClient } from '@kura/client'
import { MIB } from '@kura/core'
import { type FileSystem, MountedDisk } from '@kura/testkit'
import { expect } from 'vitest'
import {
  expectNothingLost,
  expectNothingWrong,
  expectNoThirdAnswer,
} from '../../checkers/blocks-read-back.ts'
import { PutLoad } from '../put-load.ts'
import { readBack } from '../read-report.ts'
import { faultTest } from './fault-test.ts'
import { LaunchedZone } from './launched-zone.ts'
import { makeScratchFolder } from './scratch-folder.ts'

const CLIENT_COUNT = 16
const SIZES_BYTES = [3_000, 70_000, 4_096, 300_000, 40]
const ACKNOWLEDGED_MIN = 40
const DISK_BYTES = 4096 * MIB
const CUT_TIMEOUT_MS = 120_000

export function describeZoneCuts(options: {
  readonly fileSystems: readonly FileSystem[]
  readonly cuts: number
}): void {
  const { cuts } = options
  for (const fileSystem of options.fileSystems) {
    const name = `${cuts} power cuts of a whole zone on ${fileSystem} lose nothing acknowledged`
    const needs = [fileSystem, 'fault-disk'] as const
    faultTest(name, { needs, timeoutMs: (cuts + 1) * CUT_TIMEOUT_MS }, async () => {
      await cutZone(fileSystem, cuts)
    })
  }
}

async function cutZone(fileSystem: FileSystem, cuts: number): Promise<void> {
  const folder = await makeScratchFolder(DISK_BYTES)
  try {
    const sizeBytes = DISK_BYTES
    await using disk = await MountedDisk.make({
      folder,
      fileSystem,
      device: 'fault-disk',
      sizeBytes,
    })
    const zone = new LaunchedZone(join(disk.path, 'zone'))
    try {
      await zone.start()
      for (let cut = 1; cut <= cuts; cut += 1) await runCut(zone, disk, cut)
    } finally {
      await zone.signal('SIGKILL')
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function runCut(zone: LaunchedZone, disk: MountedDisk, seed: number): Promise<void> {
  const { pocket, block } = zone.endpoints
  const client = new KuraClient({ servers: [block], pocket, timeoutMs: 15_000 })
  const load = new PutLoad({
    client,
    clientCount: CLIENT_COUNT,
    seed: `${disk.fileSystem}/${seed}/${process.pid}`,
    sizesBytes: SIZES_BYTES,
  })
  load.start()
  await load.acknowledgedMore(ACKNOWLEDGED_MIN)
  await disk.writeControl()
  await zone.signal('SIGSTOP')
  expect(load.inFlightCount, 'puts under way at the cut').toBe(CLIENT_COUNT)
  await disk.cutAfterControl({ seed, keptPercent: seed % 2 === 0 ? 50 : 0 })
  await zone.signal('SIGKILL')
  await load.stop()
  await client.close()
  const { isControlGone } = await disk.recover()
  expect(isControlGone, 'unsynced bytes are gone').toBe(true)
  await zone.start()
  const report = await readBack(zone, load.acknowledged.union(load.unknown))
  expectNothingLost(report, load.acknowledged)
  expectNothingWrong(report)
  expectNoThirdAnswer(report)
}
