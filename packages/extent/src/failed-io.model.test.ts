/**
 * Goal: whichever I/O of a durable operation fails, and however, nothing is answered that is not
 * durable, no wrong byte is read, and the store works again once the disk does.
 *
 * Method: for every operation the loop of `failEachIo`, on a disk in memory. After the operation
 * the disk is healed, and three lives go on from there: a new process, a new process after a power
 * cut, and one after a power cut that kept some of what was not synced. Each is compared with the
 * model, must get over a suspicion by reading its medium, and must take a new extent and a record.
 */
import { isKuraError, KIB, parseExtentId } from '@kura/core'
import {
  failEachIo,
  IO_FAULTS,
  promisedCount,
  SeededRandom,
  type FaultAtIo,
  type IoFault,
  type MemoryDisk,
} from '@kura/testkit'
import { afterAll, expect, it } from 'vitest'
import { append, FOREGROUND, openStore, read, specOf } from './store-fixture.ts'
import { DURABLE_OPERATIONS, OPERATION_BLOCKS } from './testing/durable-operations.ts'
import type { DurableOperation, StoreLife } from './testing/durable-operations.ts'
import type { ExtentModel } from './testing/extent-model.ts'
import { observeStore } from './testing/observe-store.ts'

const NEXT = parseExtentId(7)
const counts = { operations: 0, faults: 0, starts: 0 }

/** Whether it was answered; an error must be one of ours. */
async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    if (!isKuraError(error)) throw error
    return false
  }
}

async function checkOperation(
  operation: DurableOperation,
  fault: IoFault,
  at: FaultAtIo,
): Promise<void> {
  const life = await operation.prepare()
  life.disk.watch(at.watcher)
  const isAnswered = await attempt(() => operation.run(life))
  if (at.met.length === 0) expect(isAnswered).toBe(true)
  await checkRunning(life, at)
  life.disk.watch(undefined)
  await life.store?.close().catch(() => undefined)
  const { disk, model } = life
  await checkNextLife(
    disk.survivor(() => false),
    model,
  )
  await checkNextLife(disk.copy().crash({ torn: new SeededRandom(at.met.length) }), model)
  // A directory that lost what a failed sync covered looks to the next process as if it had it.
  const isNameLost = fault.isPartial && at.met.some(({ kind }) => kind === 'syncDirectory')
  if (!isNameLost) await checkShownLasts(disk.copy(), model)
  await checkNextLife(disk.restart(), model)
  expect(FOREGROUND.usedCount).toBe(0)
}

/** While the fault may still last: an acknowledged record reads right, or not at all. */
async function checkRunning({ store, model }: StoreLife, at: FaultAtIo): Promise<void> {
  if (store === undefined) return
  const isSyncFailed = at.met.some(({ kind }) => kind === 'file.sync' || kind === 'syncDirectory')
  if (isSyncFailed) expect(store.suspect).toBe(true)
  for (const [extentId, { acknowledged }] of model.extents) {
    for (const hash of acknowledged) {
      await attempt(async () => {
        const bytes = await read(store, hash, extentId)
        expect(bytes.equals(OPERATION_BLOCKS.get(hash)?.bytes ?? Buffer.alloc(0))).toBe(true)
      })
    }
  }
}

/** What the start of a new process shows outlives a power cut right after it. */
async function checkShownLasts(disk: MemoryDisk, model: ExtentModel): Promise<void> {
  const { store } = await openStore(disk)
  const shown = await observeStore(store, OPERATION_BLOCKS)
  model.check(shown)
  const cut = disk.survivor(() => false)
  await store.close()
  const kept = model.copy()
  kept.keep(shown)
  await checkNextLife(cut, kept)
}

async function checkNextLife(disk: MemoryDisk, model: ExtentModel): Promise<void> {
  counts.starts += 1
  const { store, events } = await openStore(disk)
  expect(events.filter(({ kind }) => kind === 'damage' || kind === 'not-understood')).toEqual([])
  model.check(await observeStore(store, OPERATION_BLOCKS))
  if (store.suspect) expect((await store.verifyFromMedia()).damages).toEqual([])
  expect(store.suspect).toBe(false)
  await store.createExtent(specOf({ extentId: NEXT, epoch: 9, capacityBytes: 64 * KIB }))
  const [block] = OPERATION_BLOCKS.values()
  if (block !== undefined) await append(store, block, NEXT)
  for (const { extentId } of store.reports()) {
    const { digest } = await store.freeze(extentId)
    expect(await store.seal(extentId, digest)).toMatchObject({ state: 'sealed' })
  }
  await store.close()
}

it.each(DURABLE_OPERATIONS)(
  '$name: whichever I/O fails, what was answered is durable and the store recovers',
  async (operation) => {
    let faultCount = 0
    for (const fault of IO_FAULTS) {
      faultCount += await failEachIo(fault, (at) => checkOperation(operation, fault, at))
    }
    expect(faultCount).toBeGreaterThan(2 * IO_FAULTS.length)
    counts.operations += 1
    counts.faults += faultCount
  },
  120_000,
)

afterAll(() => {
  const { operations, faults, starts } = counts
  if (operations === DURABLE_OPERATIONS.length) {
    expect(faults).toBeGreaterThanOrEqual(promisedCount('failed I/O of a store'))
  }
  process.stdout.write(
    `failed I/O: ${operations} operations, ${faults} faults met, ${starts} starts afterwards\n`,
  )
})
