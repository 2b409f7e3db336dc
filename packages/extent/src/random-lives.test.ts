/**
 * Goal: no order of appends, freezes, seals, faults and crashes loses an acknowledged record,
 * serves wrong bytes, or lets an error out that is not one of ours.
 *
 * Method: many lives, each from a seed. A life picks among operations on a few extents while a disk
 * in memory fails now and then, the process is killed or the power cut. A model, which is no more
 * than the list of what was answered, is compared after each new start. A failing seed is named in
 * the error; the same seed replays.
 */
import { isKuraError, KIB, parseExtentId, randomInteger, type ExtentId } from '@kura/core'
import { FaultyDisk, MemoryDisk, SeededRandom, type DiskOperationKind } from '@kura/testkit'
import { expect, it } from 'vitest'
import type { ExtentStore } from './extent-store.ts'
import {
  append,
  expectBlocks,
  FOREGROUND,
  initialise,
  openStore,
  randomBlock,
  specOf,
  type Block,
} from './store-fixture.ts'

const LIVES = 40
const STEPS_PER_LIFE = 80
const EXTENTS = [1, 2, 3, 4].map((id) => parseExtentId(id))
const FAULTS: readonly (readonly [DiskOperationKind, string])[] = [
  ['file.write', 'EIO'],
  ['file.write', 'ENOSPC'],
  ['file.sync', 'EIO'],
  ['file.read', 'EIO'],
  ['file.cut', 'EIO'],
  ['create', 'ENOSPC'],
  ['link', 'EIO'],
  ['syncDirectory', 'EIO'],
  ['writeFileDurably', 'EIO'],
]

class Life {
  readonly #random: SeededRandom
  readonly #acknowledged = new Map<ExtentId, Block[]>()
  readonly #closed = new Set<ExtentId>()
  #memory: MemoryDisk
  #faulty: FaultyDisk
  #store: ExtentStore | undefined

  constructor(seed: number, memory: MemoryDisk) {
    this.#random = new SeededRandom(seed)
    this.#memory = memory
    this.#faulty = new FaultyDisk(memory)
  }

  async run(): Promise<void> {
    this.#store = (await openStore(this.#faulty)).store
    for (let step = 0; step < STEPS_PER_LIFE; step += 1) await this.#step(this.#store)
    await this.#restart()
    await this.#store.close()
  }

  async #step(store: ExtentStore): Promise<void> {
    const extentId = this.#pick(EXTENTS)
    const dice = this.#random.next()
    if (dice < 0.5) await this.#appendSome(store, extentId)
    else if (dice < 0.65)
      await this.#attempt(() => store.createExtent(specOf({ extentId, capacityBytes: 256 * KIB })))
    else if (dice < 0.75) await this.#close(extentId, () => store.freeze(extentId))
    else if (dice < 0.82) await this.#close(extentId, () => this.#seal(store, extentId))
    else if (dice < 0.87) await this.#check(store)
    else if (dice < 0.94) this.#failSomething()
    else await this.#restart()
  }

  async #appendSome(store: ExtentStore, extentId: ExtentId): Promise<void> {
    const count = 1 + randomInteger(this.#random, 5)
    const blocks = Array.from({ length: count }, () => {
      // Few seeds, so that duplicates are frequent.
      return randomBlock(randomInteger(this.#random, 40), 1 + randomInteger(this.#random, 3) * 4500)
    })
    const wasClosed = this.#closed.has(extentId)
    const appends = blocks.map(async (block) => {
      if (!(await this.#attempt(() => append(store, block, extentId)))) return
      expect(wasClosed).toBe(false)
      this.#acknowledged.set(extentId, [...(this.#acknowledged.get(extentId) ?? []), block])
    })
    await Promise.all(appends)
  }

  async #close(extentId: ExtentId, order: () => Promise<unknown>): Promise<void> {
    if (await this.#attempt(order)) this.#closed.add(extentId)
  }

  async #seal(store: ExtentStore, extentId: ExtentId): Promise<void> {
    await store.seal(extentId, store.report(extentId).digest)
  }

  /** True when it was answered; false for one of our errors; anything else is a bug. */
  async #attempt(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      if (isKuraError(error)) return false
      throw error
    }
  }

  async #check(store: ExtentStore): Promise<void> {
    this.#faulty.heal()
    for (const [extentId, blocks] of this.#acknowledged) await expectBlocks(store, blocks, extentId)
  }

  #failSomething(): void {
    const [kind, code] = this.#pick(FAULTS)
    this.#faulty.fail({ kind, code, nth: 1 + randomInteger(this.#random, 3) })
  }

  async #restart(): Promise<void> {
    const dice = this.#random.next()
    const old = this.#store
    if (dice < 0.4) this.#memory = this.#memory.restart()
    else if (dice < 0.7) this.#memory = this.#memory.crash()
    else this.#memory = this.#memory.crash({ torn: this.#random })
    await old?.close().catch(() => undefined)
    this.#faulty = new FaultyDisk(this.#memory)
    const opened = await openStore(this.#faulty)
    this.#store = opened.store
    for (const { extentId } of this.#store.reports()) this.#closed.add(extentId)
    const bad = opened.events.filter(({ kind }) => kind === 'damage' || kind === 'not-understood')
    expect(bad).toEqual([])
    await this.#check(this.#store)
    expect((await this.#store.verifyFromMedia()).damages).toEqual([])
    expect(this.#store.suspect).toBe(false)
  }

  #pick<T>(choices: readonly T[]): T {
    const choice = choices[randomInteger(this.#random, choices.length)]
    if (choice === undefined) throw new Error('there is a choice')
    return choice
  }
}

it('random lives keep every promise', { timeout: 60_000 }, async () => {
  for (let seed = 1; seed <= LIVES; seed += 1) {
    try {
      await new Life(seed, await initialise(new MemoryDisk())).run()
      expect(FOREGROUND.usedCount).toBe(0)
    } catch (error) {
      throw new Error(`the life of seed ${String(seed)} broke a promise`, { cause: error })
    }
  }
})
