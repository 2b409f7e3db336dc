/** The store of extents, as it is in production, on a simulated disk with a simulated clock. */
import { crc32 } from 'node:zlib'
import {
  KIB,
  parseBucketId,
  parseCellId,
  parseExtentId,
  parseOrderId,
  parseOsdId,
  parsePocketId,
  parseVolumeId,
  parseZoneId,
  randomInteger,
  SlabPool,
  type ExtentId,
  type Random,
} from '@kura/core'
import { ExtentStore, initialiseDisk, type ExtentSpec } from '@kura/extent'
import { expect, it } from 'vitest'
import { makeBlock, type TestBlock } from '../../support/blocks.ts'
import { Kernel } from '../kernel/kernel.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'
import { SimulatedClock } from '../kernel/simulated-clock.ts'
import type { PowerCutMode } from './disk-fault.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const EXPECTED = {
  pocket: parsePocketId('test'),
  zone: parseZoneId('a'),
  cellId: parseCellId(1),
  osdId: parseOsdId(3),
}
const SPEC: Omit<ExtentSpec, 'extentId'> = {
  volumeId: parseVolumeId(7),
  bucketId: parseBucketId(9),
  salt: '0123456789abcdef',
  generation: 1,
  epoch: 1,
  orderId: parseOrderId(11),
  capacityBytes: 512 * KIB,
}
const MODES: readonly PowerCutMode[] = ['lost', 'kept', 'torn', 'prefix', 'reordered']
const WRITERS = 3
const ROUNDS = 4

/** One disk, and the processes that live on it one after the other. */
class Life {
  readonly kernel: Kernel
  readonly disk: SimulatedDisk
  readonly acknowledged: { readonly extentId: ExtentId; readonly block: TestBlock }[] = []
  readonly #random: Random
  #made = 0

  constructor(seed: number) {
    this.kernel = new Kernel({ seed, eventsMax: 100_000, virtualMsMax: 1e7 })
    const latencyMs = { mean: 2 }
    const totalBytes = 64 * 1024 * KIB
    this.disk = new SimulatedDisk({ kernel: this.kernel, name: 'disk-3', totalBytes, latencyMs })
    this.#random = this.kernel.fork('life')
  }

  async run(): Promise<void> {
    await this.#live(async (scope) => {
      await initialiseDisk(this.disk.attach(scope), { ...EXPECTED, random: this.#random })
    })
    for (let round = 0; round < ROUNDS; round += 1) {
      await this.#live((scope) => this.#write(scope, parseExtentId(round + 1)))
      this.disk.powerCut(MODES[randomInteger(this.#random, MODES.length)] ?? 'torn')
      await this.#live((scope) => this.#readAll(scope))
    }
  }

  /** A process that ends when its work does, or before. */
  async #live(work: (scope: ProcessScope) => Promise<void>): Promise<void> {
    const scope = this.kernel.newScope('node')
    let failure: unknown
    work(scope)
      .catch((error: unknown) => (failure = error))
      .finally(() => scope.end())
    const end = await this.kernel.run(() => !scope.isAlive)
    if (failure !== undefined) throw new Error('the process failed', { cause: failure })
    expect(end).toBe('done')
  }

  async #write(scope: ProcessScope, extentId: ExtentId): Promise<void> {
    const store = await this.#open(scope)
    await store.createExtent({ ...SPEC, extentId })
    const slabs = new SlabPool({ largeCount: 1, smallCount: WRITERS, waitersMax: 10 })
    const endAfterMs = 40 * this.#random.next()
    this.kernel.schedule(this.kernel.world, endAfterMs, () => scope.end())
    await Promise.all(
      Array.from({ length: WRITERS }, () => this.#append({ store, extentId, slabs })),
    )
  }

  async #append(to: {
    readonly store: ExtentStore
    readonly extentId: ExtentId
    readonly slabs: SlabPool
  }): Promise<void> {
    const { store, extentId, slabs } = to
    for (let count = 0; count < 8; count += 1) {
      this.#made += 1
      const block = makeBlock(`block ${this.#made}`, 1 + randomInteger(this.#random, 8 * KIB))
      const { bytes, hash } = block
      const slab = await slabs.reserve(bytes.length, { signal: new AbortController().signal })
      bytes.copy(slab.payload)
      const sizeBytes = bytes.length
      const plainCrc = crc32(bytes)
      await store.append(extentId, { slab, hash, sizeBytes, plainCrc, putAtMs: 1_700_000_000_123 })
      this.acknowledged.push({ extentId, block })
      slab.release()
    }
  }

  async #readAll(scope: ProcessScope): Promise<void> {
    const store = await this.#open(scope)
    const slabs = new SlabPool({ largeCount: 1, smallCount: 1, waitersMax: 1 })
    const slab = await slabs.reserve(9 * KIB, { signal: new AbortController().signal })
    for (const { extentId, block } of this.acknowledged) {
      const { hash, bytes } = block
      const { sizeBytes } = await store.read(extentId, hash, { slab })
      expect(slab.payload.subarray(0, sizeBytes).equals(bytes)).toBe(true)
    }
    await store.close()
  }

  async #open(scope: ProcessScope): Promise<ExtentStore> {
    return await ExtentStore.open({
      disk: this.disk.attach(scope),
      expected: EXPECTED,
      clock: new SimulatedClock({ kernel: this.kernel, scope }),
      random: this.kernel.fork(`node ${scope.incarnation}`),
      slabs: new SlabPool({ largeCount: 2, smallCount: 2, waitersMax: 10 }),
    })
  }
}

it('a store loses nothing that it acknowledged, wherever its processes end', async () => {
  let acknowledged = 0
  for (let seed = 1; seed <= 12; seed += 1) {
    const life = new Life(seed)
    await life.run().catch((cause: unknown) => {
      throw new Error(`seed ${seed} fails`, { cause })
    })
    acknowledged += life.acknowledged.length
  }
  expect(acknowledged).toBeGreaterThan(120)
})

it('a life has one history', async () => {
  const [one, other] = [new Life(5), new Life(5)]
  await one.run()
  await other.run()
  expect(other.kernel.traceHash()).toBe(one.kernel.traceHash())
  expect(other.disk.image.fingerprint()).toBe(one.disk.image.fingerprint())
})
