/**
 * Goal: whatever the moment at which a process or the power ends, nothing acknowledged is lost,
 * nothing wrong is served, and the next start always comes to the same result.
 *
 * Method: a life of two extents (create, append, freeze, complete, seal; build, publish) on a disk
 * in memory that knows what was synced. The life is run once to count its changes of the disk, then
 * once for each of them, ended just before it: by a killed process (everything written stays), by a
 * power cut (only what was synced stays), and by a torn power cut (of the rest chance keeps some
 * pages, lengths and names). Each time the disk is opened again and compared with the journal of
 * what had been answered.
 */
import { KIB, parseExtentId, parseOrderId, type ExtentId } from '@kura/core'
import { CHANGING_OPERATIONS, FaultyDisk, MemoryDisk, SeededRandom } from '@kura/testkit'
import { expect, it } from 'vitest'
import type { ExtentStore } from './extent-store.ts'
import {
  append,
  EXTENT,
  expectBlocks,
  FOREGROUND,
  initialise,
  openStore,
  randomBlock,
  recordOf,
  specOf,
  type Block,
} from './store-fixture.ts'

const BUILT = parseExtentId(43)
const CAPACITY_BYTES = 512 * KIB
const EPOCH = 5

const first = [10, 3840, 3841].map((sizeBytes, seed) => randomBlock(seed, sizeBytes))
const second = [70_000, 4096, 1].map((sizeBytes, seed) => randomBlock(10 + seed, sizeBytes))
const completed = randomBlock(20, 9000)

/** What the process had answered when it ended. */
interface Journal {
  readonly created: Set<ExtentId>
  readonly acknowledged: { extentId: ExtentId; block: Block }[]
  isFrozen: boolean
  sealedDigest: string | undefined
  publishedDigest: string | undefined
}

function emptyJournal(): Journal {
  return {
    created: new Set(),
    acknowledged: [],
    isFrozen: false,
    sealedDigest: undefined,
    publishedDigest: undefined,
  }
}

async function live(store: ExtentStore, journal: Journal): Promise<void> {
  const spec = specOf({ epoch: EPOCH, capacityBytes: CAPACITY_BYTES })
  await store.raiseEpoch(EPOCH)
  await store.createExtent(spec)
  journal.created.add(EXTENT)
  for (const wave of [first, second]) {
    await Promise.all(
      wave.map(async (block) => {
        await append(store, block)
        journal.acknowledged.push({ extentId: EXTENT, block })
      }),
    )
  }
  await store.freeze(EXTENT)
  journal.isFrozen = true
  await complete(store, completed)
  journal.acknowledged.push({ extentId: EXTENT, block: completed })
  const { digest } = await store.freeze(EXTENT)
  await store.seal(EXTENT, digest)
  journal.sealedDigest = digest
  await build(store, digest)
  journal.publishedDigest = digest
  for (const { block } of [...journal.acknowledged]) {
    journal.acknowledged.push({ extentId: BUILT, block })
  }
}

async function complete(store: ExtentStore, block: Block): Promise<void> {
  const record = await recordOf(block)
  try {
    await store.completeAppend(EXTENT, record, { epoch: EPOCH })
  } finally {
    record.slab.release()
  }
}

async function build(store: ExtentStore, digest: string): Promise<void> {
  const orderId = parseOrderId(12)
  const spec = specOf({ extentId: BUILT, orderId, epoch: EPOCH, capacityBytes: CAPACITY_BYTES })
  const scratch = await store.beginBuild(spec)
  for (const block of [...first, ...second, completed]) {
    const record = await recordOf(block)
    await scratch.append(record).finally(() => {
      record.slab.release()
    })
  }
  await scratch.publish(digest)
}

type Ending = 'killed' | 'power cut' | 'torn power cut'

/** Lives until just before the nth change of the disk; the disk that the next process finds. */
async function liveUntil(
  nth: number,
  { ending, seed }: { readonly ending: Ending; readonly seed: number },
): Promise<{ disk: MemoryDisk; journal: Journal }> {
  const memory = await initialise(new MemoryDisk())
  const faulty = new FaultyDisk(memory)
  const journal = emptyJournal()
  let disk: MemoryDisk | undefined
  const { store } = await openStore(faulty)
  faulty.stopAt(nth, () => {
    if (ending === 'killed') disk = memory.restart()
    else if (ending === 'power cut') disk = memory.crash()
    else disk = memory.crash({ torn: new SeededRandom(seed) })
  })
  // The end shows as whatever the dead disk makes of the call that was running.
  await live(store, journal).catch(() => undefined)
  const frozen: Journal = { ...journal, acknowledged: [...journal.acknowledged] }
  disk ??= ending === 'killed' ? memory.restart() : memory.crash()
  await store.close().catch(() => undefined)
  return { disk, journal: frozen }
}

async function checkJournal(disk: MemoryDisk, journal: Journal): Promise<void> {
  const opened = await openStore(disk)
  const { store, events } = opened
  const mine = [...store.reports()]
  for (const extentId of journal.created) expect(store.report(extentId)).toBeDefined()
  for (const { extentId, block } of journal.acknowledged)
    await expectBlocks(store, [block], extentId)
  const known = new Map([...first, ...second, completed].map((block) => [block.hash, block]))
  for (const { extentId, state } of mine) {
    expect(state).not.toBe('open')
    const records = await store.listRecords(extentId)
    const blocks = records.map(({ hash }) => known.get(hash))
    await expectBlocks(
      store,
      blocks.filter((block) => block !== undefined),
      extentId,
    )
    expect(blocks).not.toContain(undefined)
    await expect(append(store, randomBlock(99, 10), extentId)).rejects.toMatchObject({
      code: 'extent-frozen',
    })
  }
  if (journal.sealedDigest !== undefined) {
    expect(store.report(EXTENT)).toMatchObject({ state: 'sealed', digest: journal.sealedDigest })
  }
  if (journal.publishedDigest !== undefined) {
    expect(store.report(BUILT)).toMatchObject({ state: 'sealed', digest: journal.publishedDigest })
  }
  // A crash leaves doubt, never damage: nothing below a syncedOffset may be missing.
  expect(events.filter(({ kind }) => kind === 'damage' || kind === 'not-understood')).toEqual([])
  await store.close()
  const again = await openStore(disk)
  expect(again.store.reports()).toEqual(mine)
  await sealAll(again.store, journal)
  await again.store.close()
}

/** What a start has frozen can be sealed as it is, and is whole afterwards. */
async function sealAll(store: ExtentStore, journal: Journal): Promise<void> {
  for (const { extentId, digest } of store.reports()) await store.seal(extentId, digest)
  for (const { extentId, block } of journal.acknowledged)
    await expectBlocks(store, [block], extentId)
  expect(await store.verifyFromMedia()).toMatchObject({ damages: [] })
}

async function countChanges(): Promise<number> {
  const faulty = new FaultyDisk(await initialise(new MemoryDisk()))
  const { store } = await openStore(faulty)
  const countAtStart = faulty.operations.length
  const journal = emptyJournal()
  await live(store, journal)
  expect(journal.acknowledged).toHaveLength(14)
  await store.close()
  const operations = faulty.operations.slice(countAtStart)
  return operations.filter(({ kind }) => CHANGING_OPERATIONS.includes(kind)).length
}

it.each<Ending>(['killed', 'power cut', 'torn power cut'])(
  'a life ended at any change of the disk loses nothing that was answered (%s)',
  async (ending) => {
    const changeCount = await countChanges()
    expect(changeCount).toBeGreaterThan(30)
    const rounds = ending === 'torn power cut' ? 5 : 1
    for (let round = 0; round < rounds * (changeCount + 1); round += 1) {
      const nth = 1 + (round % (changeCount + 1))
      const { disk, journal } = await liveUntil(nth, { ending, seed: round })
      try {
        await checkJournal(disk, journal)
      } catch (error) {
        throw new Error(`ended before change ${String(nth)} (${ending}, seed ${String(round)})`, {
          cause: error,
        })
      }
    }
    expect(FOREGROUND.usedCount).toBe(0)
  },
  60_000,
)

it('a start that is itself ended at any change comes to the same result', async () => {
  for (let nth = 1; nth <= 6; nth += 1) {
    const { disk, journal } = await liveUntil(14, { ending: 'torn power cut', seed: nth })
    const faulty = new FaultyDisk(disk)
    let next: MemoryDisk | undefined
    faulty.stopAt(nth, () => {
      next = disk.crash({ torn: new SeededRandom(nth) })
    })
    const opened = await openStore(faulty).catch(() => undefined)
    await opened?.store.close().catch(() => undefined)
    await checkJournal(next ?? disk.crash(), journal)
  }
})
