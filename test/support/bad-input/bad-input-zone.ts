/** The zone that bad input is for, what bad callers left there, and what it held before. */
import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { KuraClient } from '@kura/client'
import { MIB, type BlockHash } from '@kura/core'
import type { LocalService } from '@kura/local'
import { expect } from 'vitest'
import { startScenarioZone, type ScenarioZone } from '../scenario-zone.ts'
import { storedBlock, type DoorPlace, type Target } from './attempts.ts'
import type { ExtentPlace } from './cell.ts'
import { hasStored } from './has-stored.ts'
import { pollHoldings, type Holdings } from './holdings.ts'

const NODE = 'storage-node-1-1'
/** Longer than the longest patience of a door with a caller who has gone. */
const SETTLE_MS = 25_000
const POLL_MS = 100
/** Longer than connections between processes are kept without use. */
const POOL_SETTLE_MS = 60_000
/** Good callers may be there; of bad ones nothing is left. */
const NOTHING_HELD = { buffers: 0, heldBytes: 0, waiters: 0, badSockets: 0 }
/** Where these fields are in page 0, see FORMAT.md. */
const DISK_UUID_AT = 160
const EXTENT_ID_AT = 176
const VOLUME_ID_AT = 184
const PAGE_0_BYTES = 192

type Before = ReadonlyMap<DoorPlace['process'], Holdings>

export class BadInputZone implements AsyncDisposable {
  readonly target: Target
  readonly stored = storedBlock()
  readonly #scenario: ScenarioZone
  #before: Before = new Map()

  private constructor(scenario: ScenarioZone, target: Target) {
    this.#scenario = scenario
    this.target = target
  }

  /** What is held before the first request counts as held before; then one block is stored. */
  static async open(): Promise<BadInputZone> {
    const scenario = await startScenarioZone({ restarts: false, bucketSizeBytes: 128 * MIB })
    const { endpoints, dataDir } = scenario.zone
    const settings = await readFile(join(dataDir, 'config', `${NODE}.toml`), 'utf8')
    const node = /^block_address = "(.+)"$/m.exec(settings)?.[1] ?? ''
    const extent = await findExtent(scenario.zone.service(NODE).dataDir, endpoints)
    const zone = new BadInputZone(scenario, { endpoints, node, extent })
    await zone.noteBefore()
    await using client = zone.client('witness')
    await client.put(zone.stored.bytes)
    return zone
  }

  /** A good client. */
  client(clientName: string): KuraClient {
    const { block, pocket } = this.target.endpoints
    return new KuraClient({ servers: [block], pocket, clientName })
  }

  /** What is held now, by nobody: good callers have ended. */
  async noteBefore(): Promise<void> {
    const noted = new Map<DoorPlace['process'], Holdings>()
    for (const process of ['frontend', 'storage-node'] as const) {
      const isNothing = (held: Holdings): boolean => isAs(held, NOTHING_HELD)
      const now = await pollHoldings(this.service(process), isNothing, SETTLE_MS)
      expect(now).toMatchObject(NOTHING_HELD)
      // Connections of pools that good traffic has filled are not there to stay.
      const { otherSockets } = this.#before.get(process) ?? now
      noted.set(process, { ...now, otherSockets })
    }
    this.#before = noted
  }

  service(process: DoorPlace['process']): LocalService {
    return this.#scenario.zone.service(process === 'frontend' ? 'frontend-1' : NODE)
  }

  before(process: DoorPlace['process']): Holdings {
    const before = this.#before.get(process)
    if (before === undefined) throw new Error('the zone is open')
    return before
  }

  /**
   * The process is the same one, and of bad callers no buffer, no byte, no connection and no other
   * descriptor is left. Good callers must ask for nothing.
   */
  async expectNothingHeld(process: DoorPlace['process']): Promise<Holdings> {
    const { pid, otherDescriptors } = this.before(process)
    const nothing = { ...NOTHING_HELD, pid, otherDescriptors }
    const isSo = (held: Holdings): boolean => isAs(held, nothing)
    const held = await pollHoldings(this.service(process), isSo, SETTLE_MS)
    expect(held).toMatchObject(nothing)
    return held
  }

  /** The same to the last descriptor, once pools of connections have emptied. */
  async expectDescriptorsAsBefore(process: DoorPlace['process']): Promise<void> {
    const before = this.before(process)
    const isSo = (held: Holdings): boolean => held.otherSockets <= before.otherSockets
    const held = await pollHoldings(this.service(process), isSo, POOL_SETTLE_MS)
    expect(held).toMatchObject({ ...NOTHING_HELD, otherDescriptors: before.otherDescriptors })
    expect(held.otherSockets).toBeLessThanOrEqual(before.otherSockets)
  }

  /** None of the hashes of bad requests names anything. */
  async expectUnknown(place: DoorPlace, hashes: readonly BlockHash[]): Promise<void> {
    const found: BlockHash[] = []
    for (const hash of hashes) if (await hasStored(place, this.target, hash)) found.push(hash)
    expect(found).toEqual([])
  }

  /** What was stored before the bad requests is what comes back. */
  async expectStoredIntact(): Promise<void> {
    await using client = this.client('witness')
    expect(this.stored.bytes.equals(await client.get(this.stored.hash))).toBe(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scenario[Symbol.asyncDispose]()
  }
}

function isAs(held: Holdings, wanted: Partial<Holdings>): boolean {
  const names = Object.keys(wanted) as (keyof Holdings)[]
  return names.every((name) => held[name] === wanted[name])
}

/** An extent of a node's disk, from its file alone. */
async function findExtent(
  dataDir: string,
  zone: { readonly pocket: string; readonly zone: string },
): Promise<ExtentPlace> {
  const folder = join(dataDir, 'extents')
  const name = await waitForExtent(folder)
  const page = Buffer.alloc(PAGE_0_BYTES)
  await using file = await open(join(folder, name), 'r')
  await file.read(page, 0, PAGE_0_BYTES, 0)
  const uuid = page.toString('hex', DISK_UUID_AT, DISK_UUID_AT + 16)
  return {
    pocket: zone.pocket,
    zone: zone.zone,
    diskUuid: uuid.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    extentId: Number(page.readBigUInt64LE(EXTENT_ID_AT)),
    volumeId: Number(page.readBigUInt64LE(VOLUME_ID_AT)),
  }
}

/** Volumes are opened one after the other behind the start of a zone. */
async function waitForExtent(folder: string): Promise<string> {
  const endsAtMs = performance.now() + SETTLE_MS
  while (performance.now() < endsAtMs) {
    const name = (await readdir(folder)).find((each) => each.endsWith('.extent'))
    if (name !== undefined) return name
    await sleep(POLL_MS)
  }
  throw new Error(`no extent in ${folder}`)
}
