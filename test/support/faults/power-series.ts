/**
 * Goal: whatever was acknowledged before a power cut is there and right after it, nothing wrong is
 * served, and no row of the index lacks its record.
 *
 * Method: a storage node and a block index, real processes, keep their data on one file system of
 * their own. In each round 16 clients put without pause into two new extents while the extents of
 * the rounds before are being sealed; then the power goes. Either the machine's: both processes
 * stand still at that moment and never run again. Or the disk's: they live on a while and answer
 * what they like. Everything is mounted and started again. What was acknowledged must be there; a
 * block of unknown outcome is there, whole, or is not, and once it was there it stays. A round
 * counts only if a file written just before the cut, without a sync, is gone after it. When all
 * rounds are over every block of all of them is read, and the offline checker, which shares no code
 * with the engine, reads every extent.
 */
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isKuraError, MIB, type BlockHash } from '@kura/core'
import { checkExtent } from '@kura/extent-check'
import { SeededRandom } from '@kura/testkit'
import { expect } from 'vitest'
import { PutLoad } from '../put-load.ts'
import type { MountedDisk } from './mounted-disk.ts'
import type { Finding, StoreClient } from './store-client.ts'
import type { StoreProcesses } from './store-processes.ts'

const CLIENT_COUNT = 16
const SIZES_BYTES = [3_000, 20_000, 4_096, 100_000, 40]
const EXTENTS_PER_ROUND = 2
const EXTENT_BYTES = 8 * MIB
const ACKNOWLEDGED_MIN = 20
const ACKNOWLEDGED_SPREAD = 30
const DELAY_MS_MAX = 25
const AFTERLIFE_MS_MAX = 30
/** Of the sectors in a disk's cache, what reaches the medium by luck. */
const KEPT_PERCENTS = [0, 10, 50, 90]
const READERS = 16
/** A cut that the control file survived is made again, this often at most. */
const UNCOUNTED_SHARE_MAX = 0.5
/** What a client says of a put that nobody answered. */
const UNANSWERED_CODES: readonly string[] = ['unavailable', 'deadline-exceeded']

/** Whose power goes: where it is the machine's, every put under way stays without an answer. */
const VICTIMS = ['machine', 'machine', 'disk'] as const

export interface PowerRound {
  readonly seed: number
  readonly victim: (typeof VICTIMS)[number]
  readonly isControlGone: boolean
  /** Puts under way at the cut. */
  readonly inFlight: number
  /** Puts that never got an answer. */
  readonly unanswered: number
  readonly acknowledged: number
}

export class PowerSeries {
  readonly rounds: PowerRound[] = []
  readonly #disk: MountedDisk
  readonly #processes: StoreProcesses
  readonly #client: StoreClient
  readonly #random: SeededRandom
  /** Acknowledged, or found after a cut: has to stay. */
  readonly #durable = new Set<BlockHash>()
  readonly #tried = new Set<BlockHash>()
  readonly #unsealed = new Set<number>()

  constructor(parts: {
    readonly disk: MountedDisk
    readonly processes: StoreProcesses
    readonly client: StoreClient
    readonly seed: number
  }) {
    this.#disk = parts.disk
    this.#processes = parts.processes
    this.#client = parts.client
    this.#random = new SeededRandom(parts.seed)
  }

  /** Rounds until `count` of them count. */
  async run(count: number): Promise<void> {
    const attemptsMax = Math.ceil(count * (1 + UNCOUNTED_SHARE_MAX))
    while (this.rounds.filter((round) => round.isControlGone).length < count) {
      expect(this.rounds.length, 'cuts made').toBeLessThan(attemptsMax)
      this.rounds.push(await this.#runRound())
    }
    await this.#expectSound(this.#tried)
    await checkOffline(join(this.#disk.path, 'storage-node', 'extents'))
  }

  async #runRound(): Promise<PowerRound> {
    const seed = Math.floor(this.#random.next() * 2 ** 32)
    const choice = new SeededRandom(seed)
    const victim = VICTIMS[this.rounds.length % VICTIMS.length] ?? 'machine'
    const load = await this.#startLoad(seed)
    await load.acknowledgedMore(ACKNOWLEDGED_MIN + Math.floor(choice.next() * ACKNOWLEDGED_SPREAD))
    await sleep(choice.next() * DELAY_MS_MAX)
    await this.#disk.writeControl()
    if (victim === 'machine') await this.#processes.kill('SIGSTOP')
    const inFlight = load.inFlightCount
    const keptPercent = KEPT_PERCENTS[Math.floor(choice.next() * KEPT_PERCENTS.length)] ?? 0
    await this.#disk.cutAfterControl({ seed, keptPercent })
    if (victim === 'disk') await sleep(choice.next() * AFTERLIFE_MS_MAX)
    await this.#processes.kill('SIGKILL')
    await load.ended()
    const { isControlGone } = await this.#disk.recover()
    await this.#processes.restart()
    this.#client.reconnect()
    await this.#expectRoundSound(load)
    const unanswered = sum(UNANSWERED_CODES.map((code) => load.errorCounts.get(code) ?? 0))
    return {
      seed,
      victim,
      isControlGone,
      inFlight,
      unanswered,
      acknowledged: load.acknowledged.size,
    }
  }

  /** Load on new extents while those of earlier rounds are being sealed. */
  async #startLoad(seed: number): Promise<PutLoad> {
    for (const extent of this.#client.openExtents) this.#unsealed.add(extent)
    await this.#client.createExtents(EXTENTS_PER_ROUND, EXTENT_BYTES)
    const load = new PutLoad({
      client: this.#client,
      clientCount: CLIENT_COUNT,
      seed: String(seed),
      sizesBytes: SIZES_BYTES,
      endsWithFailure: true,
    })
    load.start()
    for (const extent of this.#unsealed) void this.#seal(extent)
    return load
  }

  /** A seal that the cut interrupts is ordered again in the next round. */
  async #seal(extent: number): Promise<void> {
    try {
      await this.#client.seal(extent)
      this.#unsealed.delete(extent)
    } catch (error) {
      if (!isKuraError(error)) throw error
    }
  }

  async #expectRoundSound(load: PutLoad): Promise<void> {
    const last = [...this.#tried].slice(-CLIENT_COUNT * 4)
    for (const hash of load.acknowledged) this.#durable.add(hash)
    const tried = load.acknowledged.union(load.unknown)
    for (const hash of tried) this.#tried.add(hash)
    await this.#expectSound(tried.union(new Set(last)))
  }

  /** Every durable one is right; any other is right or absent, and durable from now on if right. */
  async #expectSound(hashes: ReadonlySet<BlockHash>): Promise<void> {
    const bad: string[] = []
    await inLanes([...hashes], async (hash) => {
      const finding = await this.#client.find(hash)
      if (finding.kind === 'right') this.#durable.add(hash)
      const isSound =
        finding.kind === 'right' || (finding.kind === 'absent' && !this.#durable.has(hash))
      if (!isSound) bad.push(`${hash}: ${describe(finding)}`)
    })
    expect(bad, 'blocks lost, wrong or damaged').toEqual([])
  }
}

/** Every extent read by the checker that shares no code with the engine. */
async function checkOffline(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.extent'))
  const damages: string[] = []
  for (const name of names) {
    const file = await open(join(folder, name))
    const { size } = await file.stat()
    const read = async (target: Uint8Array, offsetBytes: number): Promise<number> =>
      (await file.read(target, 0, target.length, offsetBytes)).bytesRead
    const check = await checkExtent({ sizeBytes: size, read })
    await file.close()
    for (const { part, reason } of check.damages) damages.push(`${name}: ${part}: ${reason}`)
  }
  expect(damages, 'damage that the offline checker finds').toEqual([])
}

async function inLanes<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const lane = async (): Promise<void> => {
    for (let item = items.pop(); item !== undefined; item = items.pop()) await work(item)
  }
  await Promise.all(Array.from({ length: READERS }, lane))
}

function describe(finding: Finding): string {
  return finding.kind === 'failed' ? finding.reason : finding.kind
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
