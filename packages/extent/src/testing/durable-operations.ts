/** Every durable operation of a store: how a disk is prepared for it, and what it promises. */
import { isKuraError, KIB, parseExtentId, type BlockHash, type ExtentId } from '@kura/core'
import { MemoryDisk } from '@kura/testkit'
import type { ExtentStore } from '../extent-store.ts'
import {
  append,
  initialise,
  openStore,
  randomBlock,
  recordOf,
  specOf,
  type Block,
} from '../store-fixture.ts'
import { ExtentModel } from './extent-model.ts'

const FIRST = parseExtentId(1)
const SECOND = parseExtentId(2)
const CAPACITY_BYTES = 64 * KIB
const EPOCH = 3

const STANDING = [200, 5000].map((sizeBytes, seed) => randomBlock(200 + seed, sizeBytes))
const ADDED = [300, 1500, 4200].map((sizeBytes, seed) => randomBlock(300 + seed, sizeBytes))

export const OPERATION_BLOCKS: ReadonlyMap<BlockHash, Block> = new Map(
  [...STANDING, ...ADDED].map((block) => [block.hash, block]),
)

export interface StoreLife {
  readonly disk: MemoryDisk
  readonly model: ExtentModel
  /** Undefined where the operation is the start itself. */
  readonly store: ExtentStore | undefined
}

export interface DurableOperation {
  readonly name: string
  readonly prepare: () => Promise<StoreLife>
  /** Notes in the model what was answered. Throws what the store throws. */
  readonly run: (life: StoreLife) => Promise<void>
}

export const DURABLE_OPERATIONS: readonly DurableOperation[] = [
  {
    name: 'create an extent',
    prepare: () => prepare(),
    run: async ({ model, store }) => create(demand(store), model, SECOND),
  },
  {
    name: 'append three records at once',
    prepare: () => prepare(),
    run: async ({ model, store }) => appendAll(demand(store), model, ADDED),
  },
  {
    name: 'freeze',
    prepare: () => prepare(),
    run: async ({ model, store }) => freeze(demand(store), model),
  },
  {
    name: 'complete a frozen extent',
    prepare: () => prepare(freeze),
    run: async ({ model, store }) => {
      for (const block of ADDED) await complete(demand(store), model, block)
    },
  },
  {
    name: 'seal',
    prepare: () => prepare(freeze),
    run: async ({ model, store }) => seal(demand(store), model),
  },
  {
    name: 'build an extent and publish it',
    prepare: () => prepare(),
    run: async ({ model, store }) => build(demand(store), model),
  },
  {
    name: 'raise the epoch',
    prepare: () => prepare(),
    run: async ({ model, store }) => {
      await demand(store).raiseEpoch(EPOCH)
      model.epoch = EPOCH
    },
  },
  {
    name: 'probe the disk',
    prepare: () => prepare(),
    run: async ({ store }) => {
      await demand(store).probe()
    },
  },
  {
    name: 'start on an extent that was left open',
    prepare: () => prepare(async () => undefined, 'stopped'),
    run: start,
  },
  {
    name: 'start on what a build left in scratch',
    prepare: () => prepare(leaveScratch, 'stopped'),
    run: start,
  },
  {
    name: 'start on a seal that was not finished',
    prepare: () => prepare(leaveUnfinishedSeal, 'stopped'),
    run: start,
  },
  {
    name: 'lift a suspicion',
    prepare: () => prepare(becomeSuspect, 'restarted'),
    run: async ({ store }) => {
      await demand(store).verifyFromMedia()
    },
  },
]

/** A disk with one open extent of two records, and what `further` makes of it. */
async function prepare(
  further: (store: ExtentStore, model: ExtentModel, disk: MemoryDisk) => Promise<void> = async () =>
    undefined,
  process: 'running' | 'stopped' | 'restarted' = 'running',
): Promise<StoreLife> {
  const disk = await initialise(new MemoryDisk())
  const model = new ExtentModel()
  const { store } = await openStore(disk)
  await create(store, model, FIRST)
  await appendAll(store, model, STANDING)
  await further(store, model, disk)
  if (process === 'running') return { disk, model, store }
  const left = disk.restart()
  await store.close().catch(() => undefined)
  if (process === 'stopped') return { disk: left, model, store: undefined }
  return { disk: left, model, store: (await openStore(left)).store }
}

function demand(store: ExtentStore | undefined): ExtentStore {
  if (store === undefined) throw new Error('the operation needs a store')
  return store
}

async function create(store: ExtentStore, model: ExtentModel, extentId: ExtentId): Promise<void> {
  const extent = model.of(extentId)
  await store.createExtent(specOf({ extentId, capacityBytes: CAPACITY_BYTES }))
  extent.isCreated = true
}

async function appendAll(
  store: ExtentStore,
  model: ExtentModel,
  blocks: readonly Block[],
): Promise<void> {
  const appending = blocks.map(async (block) => {
    model.submit(FIRST, block)
    await append(store, block, FIRST)
    model.acknowledge(FIRST, block)
  })
  const outcomes = await Promise.allSettled(appending)
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

async function freeze(store: ExtentStore, model: ExtentModel): Promise<void> {
  await store.freeze(FIRST)
  model.of(FIRST).isFrozen = true
}

async function complete(store: ExtentStore, model: ExtentModel, block: Block): Promise<void> {
  model.submit(FIRST, block)
  const record = await recordOf(block)
  try {
    await store.completeAppend(FIRST, record, { epoch: 1 })
  } finally {
    record.slab.release()
  }
  model.acknowledge(FIRST, block)
}

async function seal(store: ExtentStore, model: ExtentModel): Promise<void> {
  const extent = model.of(FIRST)
  const { digest } = await store.freeze(FIRST)
  extent.orderedDigests.add(digest)
  await store.seal(FIRST, digest)
  extent.sealedDigest = digest
}

/** Of the standing records, under the digest that they have in the first extent. */
async function build(store: ExtentStore, model: ExtentModel): Promise<void> {
  const { digest } = await store.freeze(FIRST)
  const extent = model.of(SECOND)
  extent.orderedDigests.add(digest)
  for (const block of STANDING) extent.submitted.add(block.hash)
  const scratch = await store.beginBuild(
    specOf({ extentId: SECOND, capacityBytes: CAPACITY_BYTES }),
  )
  try {
    await fill(scratch, STANDING)
    await scratch.publish(digest)
  } catch (error) {
    await scratch.discard()
    throw error
  }
  extent.isCreated = true
  extent.sealedDigest = digest
  for (const block of STANDING) extent.acknowledged.add(block.hash)
}

async function fill(
  scratch: Awaited<ReturnType<ExtentStore['beginBuild']>>,
  blocks: readonly Block[],
): Promise<void> {
  for (const block of blocks) {
    const record = await recordOf(block)
    await scratch.append(record).finally(() => {
      record.slab.release()
    })
  }
}

async function start({ disk }: StoreLife): Promise<void> {
  await (await openStore(disk)).store.close()
}

async function leaveScratch(store: ExtentStore): Promise<void> {
  const spec = specOf({ extentId: SECOND, capacityBytes: CAPACITY_BYTES })
  await fill(await store.beginBuild(spec), STANDING)
}

/** The footer is written and synced; the file is not cut. */
async function leaveUnfinishedSeal(
  store: ExtentStore,
  model: ExtentModel,
  disk: MemoryDisk,
): Promise<void> {
  await freeze(store, model)
  disk.watch(({ kind }) => (kind === 'file.cut' ? { code: 'EIO', isPartial: false } : undefined))
  await seal(store, model).catch((error: unknown) => {
    if (!isKuraError(error, 'disk-error')) throw error
  })
  disk.watch(undefined)
}

async function becomeSuspect(
  store: ExtentStore,
  model: ExtentModel,
  disk: MemoryDisk,
): Promise<void> {
  let hasFailed = false
  disk.watch(({ kind }) => {
    if (kind !== 'file.sync' || hasFailed) return undefined
    hasFailed = true
    return { code: 'EIO', isPartial: true }
  })
  await appendAll(store, model, ADDED).catch((error: unknown) => {
    if (!isKuraError(error, 'disk-suspect')) throw error
  })
  disk.watch(undefined)
  // Waits until the mark is written.
  await store.close()
}
