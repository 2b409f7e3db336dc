/** What may happen to a store, as commands for fast-check, the simple ones first. */
import { isKuraError, KIB, parseExtentId, type BlockHash, type ExtentId } from '@kura/core'
import { FaultAtIo, IO_FAULTS, type IoFault, type MemoryDisk, SeededRandom } from '@kura/testkit'
import fc from 'fast-check'
import type { ExtentStore } from '../extent-store.ts'
import {
  append,
  openStore,
  randomBlock,
  read,
  recordOf,
  specOf,
  type Block,
} from '../store-fixture.ts'
import { type ExtentModel } from './extent-model.ts'
import { observeStore } from './observe-store.ts'

/** Around the sizes at which the layout changes; few blocks, so that duplicates are frequent. */
const SIZES = [1, 600, 3839, 3840, 3841, 4096, 4097, 9000]
const BLOCKS = Array.from({ length: 24 }, (_, seed) =>
  randomBlock(500 + seed, SIZES[seed % SIZES.length] ?? 1),
)
const blockAt = (seed: number): Block => {
  const block = BLOCKS[seed]
  if (block === undefined) throw new Error(`there are ${BLOCKS.length} blocks, from 0`)
  return block
}
const KNOWN_BLOCKS = new Map(BLOCKS.map((block) => [block.hash, block]))
const CAPACITY_BYTES = 256 * KIB

export interface Expectation {
  readonly extents: ExtentModel
  /** Made by this process and not frozen: appends must succeed. */
  readonly open: Set<ExtentId>
  /** Whether a fault was planned in this life: then any call may fail. */
  isFaulty: boolean
}

export interface LivingStore {
  disk: MemoryDisk
  store: ExtentStore
}

export type StoreCommand = fc.AsyncCommand<Expectation, LivingStore>
type Act = (expectation: Expectation, life: LivingStore) => Promise<void>

/** How often each kind of command ran, by the first word of its name. */
export const commandCounts = new Map<string, number>()

function command(name: string, act: Act): StoreCommand {
  return {
    check: () => true,
    run: async (expectation, life) => {
      const kind = name.split(' ')[0] ?? name
      commandCounts.set(kind, (commandCounts.get(kind) ?? 0) + 1)
      await act(expectation, life)
    },
    toString: () => name,
  }
}

/** A command for each line of a plan; what fast-check prints of a failure are such lines. */
const makers = {
  create: (id: number) => command(`create ${id}`, create(parseExtentId(id))),
  append: (id: number, seeds: readonly number[]) =>
    command(`append ${id} of ${seeds.join(' ')}`, appendAll(parseExtentId(id), seeds.map(blockAt))),
  read: (id: number) => command(`read ${id}`, readAll(parseExtentId(id))),
  freeze: (id: number) => command(`freeze ${id}`, freeze(parseExtentId(id))),
  list: (id: number) => command(`list ${id}`, list(parseExtentId(id))),
  complete: (id: number, seed: number) =>
    command(`complete ${id} of ${seed}`, complete(parseExtentId(id), blockAt(seed))),
  seal: (id: number) => command(`seal ${id}`, seal(parseExtentId(id))),
  build: (target: number, source: number) =>
    command(`build ${target} from ${source}`, build(parseExtentId(source), parseExtentId(target))),
  verify: () => command('verify', verify),
  raise: () => command('raise', raiseEpoch),
  reopen: () => command('reopen', reopen),
  kill: () => command('kill', kill),
  cut: (seed: number | null) => command(`cut power ${seed ?? 'clean'}`, cutPower(seed)),
  fail: (fault: IoFault, nth: number) =>
    command(`fail I/O ${nth}: ${fault.name}, ${fault.lasts}`, async (expectation, { disk }) => {
      expectation.isFaulty = true
      disk.watch(new FaultAtIo(fault, nth).watcher)
    }),
}

const PLAN_LINES: readonly (readonly [RegExp, (...parts: string[]) => StoreCommand])[] = [
  [/^create (\d+)$/, (id) => makers.create(Number(id))],
  [
    /^append (\d+) of ([\d ]+)$/,
    (id, seeds = '') => makers.append(Number(id), seeds.split(' ').map(Number)),
  ],
  [/^read (\d+)$/, (id) => makers.read(Number(id))],
  [/^freeze (\d+)$/, (id) => makers.freeze(Number(id))],
  [/^list (\d+)$/, (id) => makers.list(Number(id))],
  [/^complete (\d+) of (\d+)$/, (id, seed) => makers.complete(Number(id), Number(seed))],
  [/^seal (\d+)$/, (id) => makers.seal(Number(id))],
  [/^build (\d+) from (\d+)$/, (target, source) => makers.build(Number(target), Number(source))],
  [/^verify$/, () => makers.verify()],
  [/^raise$/, () => makers.raise()],
  [/^reopen$/, () => makers.reopen()],
  [/^kill$/, () => makers.kill()],
  [/^cut power (clean|\d+)$/, (seed) => makers.cut(seed === 'clean' ? null : Number(seed))],
  [
    /^fail I\/O (\d+): (.+), (once|for-ever)$/,
    (nth, name, lasts) => makers.fail(faultNamed(name, lasts), Number(nth)),
  ],
]

function faultNamed(name: string | undefined, lasts: string | undefined): IoFault {
  const fault = IO_FAULTS.find((each) => each.name === name && each.lasts === lasts)
  if (fault === undefined) throw new Error(`no fault is called ${name}, ${lasts}`)
  return fault
}

/** The command that a line of a plan means. */
export function parseCommand(line: string): StoreCommand {
  for (const [pattern, make] of PLAN_LINES) {
    const match = pattern.exec(line)
    if (match !== null) return make(...match.slice(1))
  }
  throw new Error(`no command reads "${line}"`)
}

const extentIds = fc.integer({ min: 1, max: 6 })
const blockSeeds = fc.nat(BLOCKS.length - 1)
const batches = fc.array(blockSeeds, { minLength: 1, maxLength: 4 })

const appends = fc.tuple(extentIds, batches).map(([id, seeds]) => makers.append(id, seeds))

const ordinary: fc.Arbitrary<StoreCommand>[] = [
  extentIds.map(makers.create),
  // More often than the rest: it is what the rest is about.
  appends,
  appends,
  appends,
  extentIds.map(makers.read),
  extentIds.map(makers.freeze),
  extentIds.map(makers.list),
  fc.tuple(extentIds, blockSeeds).map(([id, seed]) => makers.complete(id, seed)),
  extentIds.map(makers.seal),
  fc.tuple(extentIds, extentIds).map(([source, target]) => makers.build(target, source)),
  fc.constant(makers.verify()),
  fc.constant(makers.raise()),
  fc.constant(makers.reopen()),
  fc.constant(makers.kill()),
  fc.option(fc.nat(1000)).map(makers.cut),
]

const faults = fc
  .tuple(fc.constantFrom(...IO_FAULTS), fc.integer({ min: 1, max: 12 }))
  .map(([fault, nth]) => makers.fail(fault, nth))

export function storeCommands(options: {
  readonly withFaults: boolean
  readonly countMax: number
}) {
  const all = options.withFaults ? [...ordinary, faults] : ordinary
  return fc.commands(all, { maxCommands: options.countMax, size: 'max' })
}

/** Whether it was answered. Where no fault was planned, only the named refusals are right. */
async function attempt(
  { isFaulty }: Expectation,
  refusals: readonly string[],
  work: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    if (!isKuraError(error)) throw error
    if (!isFaulty && !refusals.includes(error.code)) throw error
    return false
  }
}

function create(extentId: ExtentId): Act {
  return async (expectation, { store }) => {
    const isKnown = expectation.extents.extents.has(extentId)
    const extent = expectation.extents.of(extentId)
    const spec = specOf({ extentId, capacityBytes: CAPACITY_BYTES, epoch: 1 })
    const refusals = isKnown ? ['extent-frozen', 'extent-exists'] : []
    if (!(await attempt(expectation, refusals, () => store.createExtent(spec)))) return
    extent.isCreated = true
    expectation.open.add(extentId)
  }
}

function appendAll(extentId: ExtentId, batch: readonly Block[]): Act {
  return async (expectation, { store }) => {
    const isOpen = expectation.open.has(extentId)
    const refusals = isOpen ? ['extent-full'] : ['extent-unknown', 'extent-frozen']
    const appending = batch.map(async (block) => {
      if (expectation.extents.extents.has(extentId)) expectation.extents.submit(extentId, block)
      const appendOne = (): Promise<unknown> => append(store, block, extentId)
      if (!(await attempt(expectation, refusals, appendOne))) return
      if (!isOpen) throw new Error('an append to an extent that is not open was answered')
      expectation.extents.acknowledge(extentId, block)
    })
    await Promise.all(appending)
  }
}

function readAll(extentId: ExtentId): Act {
  return async (expectation, { store }) => {
    for (const hash of expectation.extents.extents.get(extentId)?.acknowledged ?? []) {
      await attempt(expectation, [], () => readRight(store, extentId, hash))
    }
  }
}

async function readRight(store: ExtentStore, extentId: ExtentId, hash: BlockHash): Promise<void> {
  const bytes = await read(store, hash, extentId)
  if (KNOWN_BLOCKS.get(hash)?.bytes.equals(bytes) !== true) throw new Error(`wrong bytes: ${hash}`)
}

function freeze(extentId: ExtentId): Act {
  return async (expectation, { store }) => {
    // Whether or not it is answered: from here on appends may be refused.
    expectation.open.delete(extentId)
    const refusals = isThere(expectation, extentId) ? [] : ['extent-unknown']
    if (await attempt(expectation, refusals, () => store.freeze(extentId))) {
      expectation.extents.of(extentId).isFrozen = true
    }
  }
}

function isThere({ extents }: Expectation, extentId: ExtentId): boolean {
  return extents.extents.get(extentId)?.isCreated === true
}

function list(extentId: ExtentId): Act {
  return async (expectation, { store }) => {
    const isOpen = expectation.open.has(extentId)
    const refusals = isOpen ? ['state-conflict'] : ['extent-unknown']
    await attempt(expectation, refusals, async () => {
      const records = await store.listRecords(extentId)
      const hashes = new Set(records.map(({ hash }) => hash))
      const extent = expectation.extents.of(extentId)
      for (const hash of extent.acknowledged) {
        if (!hashes.has(hash) && !expectation.isFaulty) throw new Error(`${hash} is not listed`)
      }
      for (const hash of hashes) {
        if (!extent.submitted.has(hash)) throw new Error(`${hash} was never handed in`)
      }
    })
  }
}

function complete(extentId: ExtentId, block: Block): Act {
  return async (expectation, { store }) => {
    if (expectation.extents.extents.has(extentId)) expectation.extents.submit(extentId, block)
    const refusals = ['extent-unknown', 'state-conflict', 'extent-full', 'stale-epoch']
    const isAnswered = await attempt(expectation, refusals, async () => {
      const record = await recordOf(block)
      try {
        await store.completeAppend(extentId, record, { epoch: expectation.extents.epoch })
      } finally {
        record.slab.release()
      }
    })
    if (isAnswered) expectation.extents.acknowledge(extentId, block)
  }
}

function seal(extentId: ExtentId): Act {
  return async (expectation, { store }) => {
    if (!isThere(expectation, extentId)) return
    expectation.open.delete(extentId)
    await attempt(expectation, [], async () => {
      const extent = expectation.extents.of(extentId)
      const { digest } = await store.freeze(extentId)
      extent.isFrozen = true
      extent.orderedDigests.add(digest)
      await store.seal(extentId, digest)
      extent.sealedDigest = digest
    })
  }
}

/** A copy of what the source holds, under a new id. */
function build(sourceId: ExtentId, targetId: ExtentId): Act {
  return async (expectation, { store }) => {
    if (!isThere(expectation, sourceId)) return
    expectation.open.delete(sourceId)
    const isKnown = expectation.extents.extents.has(targetId)
    const { epoch } = expectation.extents
    const refusals = isKnown ? ['extent-exists'] : []
    await attempt(expectation, refusals, async () => {
      const { digest } = await store.freeze(sourceId)
      const hashes = (await store.listRecords(sourceId)).map(({ hash }) => hash)
      const spec = specOf({ extentId: targetId, capacityBytes: CAPACITY_BYTES, epoch })
      const scratch = await store.beginBuild(spec)
      const target = expectation.extents.of(targetId)
      target.orderedDigests.add(digest)
      for (const hash of hashes) target.submitted.add(hash)
      try {
        for (const hash of hashes) {
          const block = KNOWN_BLOCKS.get(hash)
          if (block === undefined) throw new Error(`nobody put ${hash}`)
          const record = await recordOf(block)
          await scratch.append(record).finally(() => {
            record.slab.release()
          })
        }
        await scratch.publish(digest)
      } catch (error) {
        await scratch.discard()
        throw error
      }
      target.isCreated = true
      target.sealedDigest = digest
      for (const hash of hashes) target.acknowledged.add(hash)
    })
  }
}

async function verify(expectation: Expectation, { store }: LivingStore): Promise<void> {
  await attempt(expectation, [], async () => {
    const { damages } = await store.verifyFromMedia()
    if (damages.length > 0 && !expectation.isFaulty) throw new Error(JSON.stringify(damages))
  })
}

async function raiseEpoch(expectation: Expectation, { store }: LivingStore): Promise<void> {
  const epoch = Math.max(store.epoch, expectation.extents.epoch) + 1
  if (await attempt(expectation, [], () => store.raiseEpoch(epoch))) {
    expectation.extents.epoch = epoch
  }
}

async function reopen(expectation: Expectation, life: LivingStore): Promise<void> {
  await life.store.close().catch((error: unknown) => {
    if (!expectation.isFaulty) throw error
  })
  await startAgain(expectation, life, life.disk.restart())
}

async function kill(expectation: Expectation, life: LivingStore): Promise<void> {
  const disk = life.disk.restart()
  await life.store.close().catch(() => undefined)
  await startAgain(expectation, life, disk)
}

function cutPower(seed: number | null): Act {
  return async (expectation, life) => {
    const disk = life.disk.crash(seed === null ? {} : { torn: new SeededRandom(seed) })
    await life.store.close().catch(() => undefined)
    await startAgain(expectation, life, disk)
  }
}

/** A new process on a disk that works; what it finds is compared with the model. */
export async function startAgain(
  expectation: Expectation,
  life: LivingStore,
  disk: MemoryDisk,
): Promise<void> {
  disk.watch(undefined)
  expectation.open.clear()
  expectation.isFaulty = false
  const { store, events } = await openStore(disk)
  life.disk = disk
  life.store = store
  const bad = events.filter(({ kind }) => kind === 'damage' || kind === 'not-understood')
  if (bad.length > 0) throw new Error(`a start found ${JSON.stringify(bad)}`)
  const shown = await observeStore(store, KNOWN_BLOCKS)
  expectation.extents.check(shown)
  expectation.extents.keep(shown)
  if (store.suspect) await store.verifyFromMedia()
  if (store.suspect) throw new Error('reading everything did not lift the suspicion')
}
