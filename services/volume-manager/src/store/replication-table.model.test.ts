/**
 * Goal: whatever the leader of a cell does to its table, and wherever its process ends, the table
 * holds exactly what was committed, issues no id twice, and obeys the newest leader alone.
 *
 * Method: random commands of fast-check on the table and on a model in plain maps, with real files.
 * A crash opens a copy of the files as they are. After each take-over all volumes are compared.
 */
import {
  isKuraError,
  parseCellId,
  parseDiskUuid,
  parseOsdId,
  parsePocketId,
  parseZoneId,
  type ExtentId,
  type ExtentState,
  type OrderId,
  type VolumeId,
  type VolumeState,
} from '@kura/core'
import type { KuraDatabase } from '@kura/database'
import { SeededRandom, surviveCrash } from '@kura/testkit'
import { RandomLives, type LifeCommand, type RandomLife } from '@kura/testkit'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import {
  initialiseReplicationTable,
  openReplicationDatabase,
  ReplicationTable,
  type TablePlace,
} from './replication-table.ts'

const CELL = parseCellId(3)
const DISKS = [1, 2, 3].map((digit) => parseDiskUuid(`00000000-0000-4000-8000-00000000000${digit}`))
const DIGEST = 'ab'.repeat(32)

interface ModelVolume {
  state: VolumeState
  changedVersion: number
  orderId: OrderId | undefined
  generation: number
  readonly extents: Map<ExtentId, ExtentState>
}

class Life implements RandomLife {
  readonly #volumes = new Map<VolumeId, ModelVolume>()
  readonly #issued = new Set<number>()
  #version = 0
  #epoch = 0
  #place: TablePlace
  #database: KuraDatabase
  #table: ReplicationTable

  constructor(dataDir: string) {
    const [pocket, zone] = [parsePocketId('test'), parseZoneId('a')]
    this.#place = { dataDir, pocket, zone, cellId: CELL, verify: true }
    initialiseReplicationTable(this.#place, new SeededRandom(1))
    this.#database = openReplicationDatabase(this.#place)
    this.#table = this.#takeOver()
    const domains = { rack: 'r', power: 'p', vendor: 'v', firmware: 'f' }
    for (const [index, diskUuid] of DISKS.entries()) {
      const osdId = parseOsdId(index + 1)
      this.#table.disks.put({ diskUuid, osdId, domains, state: 'in-service' })
      this.#version += 1
    }
  }

  insert(): void {
    const volumeId = this.#issue(this.#table.ids.nextVolumeId())
    const extents = DISKS.map((diskUuid) => ({
      extentId: this.#issue(this.#table.ids.nextExtentId()),
      diskUuid,
    }))
    const orderId = this.#issue(this.#table.ids.nextOrderId())
    this.#table.volumes.insertCreating({
      volumeId,
      bucketId: this.#issue(this.#table.ids.nextBucketId()),
      salt: '0123456789abcdef',
      capacityBytes: 1 << 28,
      orderId,
      extents,
    })
    this.#version += 1
    this.#volumes.set(volumeId, {
      state: 'creating',
      changedVersion: this.#version,
      orderId,
      generation: 1,
      extents: new Map(extents.map(({ extentId }) => [extentId, 'building'])),
    })
  }

  markOpen(nth: number): void {
    this.#step(nth, 'creating', (id, volume) => {
      this.#table.volumes.markOpen(id)
      return () => become(volume, { state: 'open', from: 'building', to: 'in-force' })
    })
  }

  markFailed(nth: number): void {
    this.#step(nth, 'creating', (id, volume) => {
      this.#table.volumes.markFailed(id)
      return () => become(volume, { state: 'retired', from: 'building', to: 'retired' })
    })
  }

  markClosing(nth: number): void {
    this.#step(nth, 'open', (id, volume) => {
      this.#table.volumes.markClosing(id, 'full')
      return () => {
        volume.state = 'closing'
        volume.orderId = undefined
      }
    })
  }

  addIntent(nth: number): void {
    const extentId = this.#issue(this.#table.ids.nextExtentId())
    const orderId = this.#issue(this.#table.ids.nextOrderId())
    this.#step(nth, 'closing', (volumeId, volume) => {
      const diskUuid = DISKS[nth % DISKS.length] ?? parseDiskUuid('')
      this.#table.volumes.addIntent({ volumeId, extentId, diskUuid, orderId })
      return () => volume.extents.set(extentId, 'building')
    })
  }

  /** What is still being built stays out of force; of the others every third is a source. */
  markClosed(nth: number): void {
    this.#step(nth, 'closing', (volumeId, volume) => {
      const states = [...volume.extents].map(([extentId, state], index) => {
        const other = state === 'building' ? 'retired' : index % 3 === 2 ? 'source' : 'in-force'
        const next: ExtentState = index === 0 ? 'in-force' : other
        return [extentId, next] as const
      })
      const extents = states.map(([extentId, state]) => ({
        extentId,
        state,
        diskUuid: DISKS[0] ?? parseDiskUuid(''),
        lengthBytes: 8192,
      }))
      this.#table.volumes.markClosed({ volumeId, digest: DIGEST, recordCount: 7, extents })
      return () => {
        volume.state = 'closed'
        volume.orderId = undefined
        for (const [extentId, state] of states) volume.extents.set(extentId, state)
      }
    })
  }

  beginRepair(nth: number): void {
    const orderId = this.#issue(this.#table.ids.nextOrderId())
    this.#step(nth, 'closed', (volumeId, volume) => {
      if (volume.state === 'closed' && volume.orderId !== undefined)
        return this.#refused(volumeId, orderId)
      this.#table.volumes.beginRepair(volumeId, orderId)
      return () => (volume.orderId = orderId)
    })
  }

  /** Of another order, or of one that never began. */
  #refused(volumeId: VolumeId, orderId: OrderId): undefined {
    const { volumes } = this.#table
    expect(codeOf(() => volumes.beginRepair(volumeId, orderId))).toBe('state-conflict')
    expect(codeOf(() => volumes.cancelRepair(volumeId, orderId))).toBe('state-conflict')
    return undefined
  }

  /** Builds a copy in the place of the first one that is in force. */
  commitRepair(nth: number): void {
    this.#ordered(nth, (volumeId, volume, orderId) => {
      const extentId = this.#issue(this.#table.ids.nextExtentId())
      const diskUuid = DISKS[nth % DISKS.length] ?? parseDiskUuid('')
      this.#table.volumes.addIntent({ volumeId, extentId, diskUuid, orderId })
      this.#version += 1
      const [replaced] = [...volume.extents].find(([, state]) => state === 'in-force') ?? []
      const retired = replaced === undefined ? [] : [replaced]
      this.#table.volumes.commitRepair({
        ...{ volumeId, orderId, digest: DIGEST, recordCount: 7 },
        built: [{ extentId, lengthBytes: 4096 }],
        retired,
      })
      become(volume, { state: 'closed', from: 'building', to: 'retired' })
      for (const id of retired) volume.extents.set(id, 'retired')
      volume.extents.set(extentId, 'in-force')
      volume.generation += 1
    })
  }

  cancelRepair(nth: number): void {
    this.#ordered(nth, (volumeId, volume, orderId) => {
      this.#table.volumes.cancelRepair(volumeId, orderId)
      become(volume, { state: 'closed', from: 'building', to: 'retired' })
    })
  }

  #ordered(
    nth: number,
    change: (volumeId: VolumeId, volume: ModelVolume, orderId: OrderId) => void,
  ): void {
    const ordered = [...this.#volumes].filter(
      ([, { state, orderId }]) => state === 'closed' && orderId !== undefined,
    )
    const [volumeId, volume] = ordered[nth % Math.max(1, ordered.length)] ?? []
    if (volumeId === undefined || volume?.orderId === undefined) return
    change(volumeId, volume, volume.orderId)
    volume.orderId = undefined
    this.#version += 1
    volume.changedVersion = this.#version
  }

  putInForce(nth: number): void {
    this.#step(nth, 'closed', (volumeId, volume) => {
      const [extentId, state] = [...volume.extents].at(-1) ?? []
      if (extentId === undefined) throw new Error('a volume has extents')
      const put = (): void => {
        this.#table.volumes.putInForce({ volumeId, extentId, lengthBytes: 4096 })
      }
      const isTaken = volume.orderId !== undefined || state !== 'source'
      if (volume.state === 'closed' && isTaken) {
        expect(codeOf(put)).toBe('state-conflict')
        return undefined
      }
      put()
      return () => volume.extents.set(extentId, 'in-force')
    })
  }

  /** Another leader takes over; the one before is refused. */
  depose(): void {
    const deposed = this.#table
    this.#table = this.#takeOver()
    expect(codeOf(() => deposed.disks.setStates([]))).toBe('stale-epoch')
    this.compare()
  }

  reopen(): void {
    this.close()
    this.#openAgain(this.#place.dataDir)
  }

  crash(): void {
    const survivor = surviveCrash(this.#place.dataDir)
    this.close()
    this.#openAgain(survivor)
  }

  checkpoint(): void {
    this.#database.checkpoint()
  }

  close(): void {
    this.#database.close()
  }

  compare(): void {
    const { volumes } = this.#table
    expect(this.#table.version).toBe(this.#version)
    const states: Record<string, number> = {}
    for (const [volumeId, { state, extents, orderId, generation }] of this.#volumes) {
      states[state] = (states[state] ?? 0) + 1
      const found = volumes.get(volumeId)
      expect(found?.state).toBe(state)
      expect(new Map(found?.extents.map((one) => [one.extentId, one.state]))).toEqual(extents)
      expect(found).toMatchObject({ orderId, generation })
      expect(found?.digest).toBe(state === 'closed' ? DIGEST : '')
    }
    expect(volumes.countByState()).toMatchObject(states)
    const half = Math.floor(this.#version / 2)
    const changed = volumes.changedSince(half, { limit: 1000 }).map(({ volumeId }) => volumeId)
    const expected = [...this.#volumes].filter(([, one]) => one.changedVersion > half)
    expect(new Set(changed)).toEqual(new Set(expected.map(([volumeId]) => volumeId)))
  }

  #step(
    nth: number,
    needs: VolumeState,
    change: (volumeId: VolumeId, volume: ModelVolume) => (() => void) | undefined,
  ): void {
    const chosen = [...this.#volumes][nth % Math.max(1, this.#volumes.size)]
    if (chosen === undefined) return
    const [volumeId, volume] = chosen
    if (volume.state !== needs) {
      expect(codeOf(() => change(volumeId, volume))).toBe('state-conflict')
      return
    }
    const apply = change(volumeId, volume)
    if (apply === undefined) return
    apply()
    this.#version += 1
    volume.changedVersion = this.#version
  }

  #issue<Id extends number>(id: Id): Id {
    if (this.#issued.has(id)) throw new Error(`id ${id} was issued twice`)
    this.#issued.add(id)
    return id
  }

  #openAgain(dataDir: string): void {
    this.#place = { ...this.#place, dataDir }
    this.#database = openReplicationDatabase(this.#place)
    this.#table = this.#takeOver()
    this.compare()
  }

  #takeOver(): ReplicationTable {
    const table = ReplicationTable.takeOver(this.#database, CELL)
    this.#epoch += 1
    expect(table.epoch).toBe(this.#epoch)
    return table
  }
}

function become(
  volume: ModelVolume,
  change: { readonly state: VolumeState; readonly from: ExtentState; readonly to: ExtentState },
): void {
  if (volume.state !== change.state) volume.orderId = undefined
  volume.state = change.state
  for (const [extentId, state] of volume.extents) {
    if (state === change.from) volume.extents.set(extentId, change.to)
  }
}

function codeOf(work: () => unknown): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (isKuraError(error)) return error.code
    throw error
  }
}

const lives = new RandomLives<Life>()
const command = lives.command.bind(lives)

const nths = fc.nat(5)
const COMMANDS: fc.Arbitrary<LifeCommand<Life>>[] = [
  fc.constant(command('insert', (life) => life.insert())),
  nths.map((nth) => command(`open ${nth}`, (life) => life.markOpen(nth))),
  nths.map((nth) => command(`closing ${nth}`, (life) => life.markClosing(nth))),
  nths.map((nth) => command(`intent ${nth}`, (life) => life.addIntent(nth))),
  nths.map((nth) => command(`closed ${nth}`, (life) => life.markClosed(nth))),
  nths.map((nth) => command(`in force ${nth}`, (life) => life.putInForce(nth))),
  nths.map((nth) => command(`begin repair ${nth}`, (life) => life.beginRepair(nth))),
  nths.map((nth) => command(`commit repair ${nth}`, (life) => life.commitRepair(nth))),
  nths.map((nth) => command(`cancel repair ${nth}`, (life) => life.cancelRepair(nth))),
  nths.map((nth) => command(`failed ${nth}`, (life) => life.markFailed(nth))),
  fc.constant(command('compare', (life) => life.compare())),
  fc.constant(command('checkpoint', (life) => life.checkpoint())),
  fc.constant(command('depose', (life) => life.depose())),
  fc.constant(command('reopen', (life) => life.reopen())),
  fc.constant(command('crash', (life) => life.crash())),
]

it(
  'the replication table is as its model, and no crash shows',
  { timeout: 3_600_000 },
  async () => {
    const begin = (directory: string): Life => new Life(directory)
    await lives.run({ commands: COMMANDS, commandsMax: 80, begin })
  },
)

afterAll(() => {
  process.stdout.write(`model of the replication table: ${lives.describe()}\n`)
})
