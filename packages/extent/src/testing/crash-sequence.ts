/**
 * A short life of a store, with the disk as it stood before each of its changes: the points at
 * which the power may be cut.
 */
import { isKuraError, KIB, parseExtentId, type BlockHash, type ExtentId } from '@kura/core'
import { isChangingIo, MemoryDisk } from '@kura/testkit'
import type { ExtentStore } from '../extent-store.ts'
import { append, initialise, openStore, randomBlock, specOf, type Block } from '../store-fixture.ts'
import { ExtentModel } from './extent-model.ts'

/** Appends are handed in and not waited for; `sync` waits until all of them are answered. */
export const SEQUENCE_OPERATIONS = ['append', 'sync', 'seal', 'next', 'reopen'] as const
export type SequenceOperation = (typeof SEQUENCE_OPERATIONS)[number]

export interface CrashPoint {
  readonly disk: MemoryDisk
  readonly model: ExtentModel
}

const FIRST = 1
const CAPACITY_BYTES = 64 * KIB
/** One, four and ten sectors: inside one, inside a page, behind the header page. */
const SIZES = [200, 1500, 4200]

const BLOCKS = [...SIZES, ...SIZES].map((sizeBytes, seed) => randomBlock(100 + seed, sizeBytes))
export const KNOWN_BLOCKS: ReadonlyMap<BlockHash, Block> = new Map(
  BLOCKS.map((block) => [block.hash, block]),
)

/** The crash points of the last operation, and of what is still in flight behind it. */
export async function listCrashPoints(
  operations: readonly SequenceOperation[],
): Promise<readonly CrashPoint[]> {
  const life = await Life.begin()
  const points: CrashPoint[] = []
  const note = (): void => {
    points.push({ disk: life.disk.copy(), model: life.model.copy() })
  }
  for (const [index, operation] of operations.entries()) {
    if (index === operations.length - 1) {
      life.disk.watch((io) => {
        if (isChangingIo(io)) note()
        return undefined
      })
    }
    await life.perform(operation)
  }
  await life.perform('sync')
  note()
  life.disk.watch(undefined)
  await life.end()
  return points
}

class Life {
  readonly disk: MemoryDisk
  readonly model = new ExtentModel()
  #store: ExtentStore
  #extentId: ExtentId = parseExtentId(FIRST)
  #appendCount = 0
  #inFlight: Promise<void>[] = []

  private constructor(disk: MemoryDisk, store: ExtentStore) {
    this.disk = disk
    this.#store = store
  }

  /** With one open extent and one record that was acknowledged. */
  static async begin(): Promise<Life> {
    const disk = await initialise(new MemoryDisk())
    const life = new Life(disk, (await openStore(disk)).store)
    await life.#create()
    await life.perform('append')
    await life.perform('sync')
    return life
  }

  async perform(operation: SequenceOperation): Promise<void> {
    switch (operation) {
      case 'append':
        this.#append()
        break
      case 'sync':
        await Promise.all(this.#inFlight)
        break
      case 'seal':
        await this.#attempt(() => this.#seal())
        break
      case 'next':
        this.#extentId = parseExtentId(this.#extentId + 1)
        await this.#attempt(() => this.#create())
        break
      case 'reopen':
        await this.#store.close()
        this.#store = (await openStore(this.disk)).store
        break
    }
  }

  async end(): Promise<void> {
    await this.#store.close()
  }

  async #create(): Promise<void> {
    const extent = this.model.of(this.#extentId)
    const spec = specOf({ extentId: this.#extentId, capacityBytes: CAPACITY_BYTES })
    await this.#store.createExtent(spec)
    extent.isCreated = true
  }

  #append(): void {
    const block = BLOCKS[this.#appendCount]
    if (block === undefined) throw new Error('a sequence has few appends')
    this.#appendCount += 1
    const extentId = this.#extentId
    this.model.submit(extentId, block)
    const appending = this.#attempt(async () => {
      await append(this.#store, block, extentId)
      this.model.acknowledge(extentId, block)
    })
    this.#inFlight.push(appending)
  }

  async #seal(): Promise<void> {
    const extent = this.model.of(this.#extentId)
    const { digest } = await this.#store.freeze(this.#extentId)
    extent.isFrozen = true
    extent.orderedDigests.add(digest)
    await this.#store.seal(this.#extentId, digest)
    extent.sealedDigest = digest
  }

  /** Refusals are answers, too; anything else is a bug. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!isKuraError(error)) throw error
    }
  }
}
