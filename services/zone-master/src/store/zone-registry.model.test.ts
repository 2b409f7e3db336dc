/**
 * Goal: whatever reports and operators do to the registry of a zone, and wherever its process ends,
 * it holds exactly what was committed, with one entry of the audit for each action, and obeys the
 * newest leader alone.
 *
 * Method: random commands of fast-check on the registry and on a model in plain maps, with real
 * files. A crash opens a copy of the files as they are.
 */
import { parseCellId, parseDiskUuid, parseOsdId, parsePocketId, parseZoneId } from '@kura/core'
import type { CellId, DiskState } from '@kura/core'
import { initialiseDatabase, openDatabase, type KuraDatabase } from '@kura/database'
import { ManualClock, SeededRandom, surviveCrash } from '@kura/testkit'
import { RandomLives, type LifeCommand, type RandomLife } from '@kura/testkit'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { CELL_WEIGHT_DEFAULT } from '../limits.ts'
import { hasChanges, planReport } from '../plan-report.ts'
import { databaseIdentity, databasePath, MIGRATIONS } from './schema.ts'
import { ZoneRegistry } from './zone-registry.ts'

const IDENTITY = databaseIdentity({ pocket: parsePocketId('test'), zone: parseZoneId('a') })
const CELLS = [1, 2].map((id) => parseCellId(id))
const OPERATOR = { actor: 'cli anna', requestId: 'r-1' }

/** The disk of a number belongs to the cell of its parity. */
function diskOf(digit: number) {
  return {
    diskUuid: parseDiskUuid(`00000000-0000-4000-8000-00000000000${digit}`),
    osdId: parseOsdId(digit),
    domains: { rack: 'r', power: 'p', vendor: 'v', firmware: 'f' },
    reachable: true,
  }
}

class Life implements RandomLife {
  readonly #weights = new Map<CellId, number>()
  readonly #disks = new Map<number, DiskState>()
  #version = 1
  #auditCount = 0
  #epoch = 0
  #directory: string
  #database: KuraDatabase
  #registry: ZoneRegistry

  constructor(directory: string) {
    this.#directory = directory
    initialiseDatabase({
      path: databasePath(this.#directory),
      genesis: IDENTITY,
      random: new SeededRandom(1),
      migrations: MIGRATIONS,
    })
    this.#database = this.#openDatabase()
    this.#registry = this.#takeOver()
  }

  /** A cell shows one more disk, healthy or suspect: suspicion sticks. */
  report(digit: number, isSuspect: boolean): void {
    const cellId = cellOf(digit)
    const view = { cells: this.#registry.zoneMap().cells, disks: this.#registry.disks() }
    const state = isSuspect ? 'suspect' : 'joining'
    const plan = planReport(view, { cellId, disks: [{ ...diskOf(digit), state }] }, 0)
    if (hasChanges(plan)) this.#registry.applyReport(cellId, plan)
    if (!this.#weights.has(cellId)) {
      this.#weights.set(cellId, CELL_WEIGHT_DEFAULT)
      this.#version += 1
      this.#auditCount += 1
    }
    const before = this.#disks.get(digit)
    const after = isSuspect || before === 'suspect' ? 'suspect' : 'in-service'
    this.#disks.set(digit, after)
    if (before !== after) this.#auditCount += 1
  }

  setWeight(cellId: CellId, weight: number): void {
    const before = this.#weights.get(cellId)
    const act = (): void => this.#registry.setCellWeight({ cellId, weight }, OPERATOR)
    if (before === undefined) {
      expect(act).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
      return
    }
    act()
    this.#weights.set(cellId, weight)
    this.#auditCount += 1
    if (before !== weight) this.#version += 1
  }

  readmit(digit: number): void {
    const { diskUuid } = diskOf(digit)
    const entry = { ...OPERATOR, operation: 'verify-disk', subject: diskUuid, outcome: 'done' }
    this.#registry.readmitDisk(diskUuid, { ...entry, details: {} })
    this.#auditCount += 1
    if (this.#disks.get(digit) === 'suspect') this.#disks.set(digit, 'in-service')
  }

  /** Another master takes over; the one before is refused. */
  depose(): void {
    const deposed = this.#registry
    this.#registry = this.#takeOver()
    const entry = { ...OPERATOR, operation: 'x', subject: '', outcome: '', details: {} }
    expect(() => deposed.note(entry)).toThrow(expect.objectContaining({ code: 'not-leader' }))
    this.compare()
  }

  checkpoint(): void {
    this.#registry.checkpoint()
  }

  reopen(): void {
    this.close()
    this.#openAgain(this.#directory)
  }

  crash(): void {
    const survivor = surviveCrash(this.#directory)
    this.close()
    this.#openAgain(survivor)
  }

  close(): void {
    this.#database.close()
  }

  compare(): void {
    const { version, cells } = this.#registry.zoneMap()
    expect(version).toBe(this.#version)
    expect(new Map(cells.map(({ cellId, weight }) => [cellId, weight]))).toEqual(this.#weights)
    const disks = this.#registry.disks()
    const states = new Map(disks.map(({ osdId, state }) => [Number(osdId), state]))
    expect(states).toEqual(this.#disks)
    for (const { cellId, osdId } of disks) expect(cellId).toBe(cellOf(osdId))
    expect(this.#registry.auditEntries(100_000)).toHaveLength(this.#auditCount)
  }

  #openAgain(directory: string): void {
    this.#directory = directory
    this.#database = this.#openDatabase()
    this.#registry = this.#takeOver()
    this.compare()
  }

  #openDatabase(): KuraDatabase {
    const path = databasePath(this.#directory)
    return openDatabase({ path, expected: IDENTITY, migrations: MIGRATIONS, verify: true })
  }

  #takeOver(): ZoneRegistry {
    const clock = new ManualClock()
    const registry = ZoneRegistry.takeOver({ database: this.#database, clock })
    this.#epoch += 1
    expect(registry.epoch).toBe(this.#epoch)
    return registry
  }
}

function cellOf(digit: number): CellId {
  return parseCellId(1 + (digit % CELLS.length))
}

const lives = new RandomLives<Life>()
const command = lives.command.bind(lives)

const digits = fc.integer({ min: 1, max: 5 })
const COMMANDS: fc.Arbitrary<LifeCommand<Life>>[] = [
  digits.map((digit) => command(`report ${digit}`, (life) => life.report(digit, false))),
  digits.map((digit) => command(`suspect ${digit}`, (life) => life.report(digit, true))),
  fc
    .tuple(fc.constantFrom(...CELLS), fc.integer({ min: 0, max: 3 }))
    .map(([cellId, weight]) =>
      command(`weight ${cellId} ${weight}`, (life) => life.setWeight(cellId, weight)),
    ),
  digits.map((digit) => command(`readmit ${digit}`, (life) => life.readmit(digit))),
  fc.constant(command('compare', (life) => life.compare())),
  fc.constant(command('checkpoint', (life) => life.checkpoint())),
  fc.constant(command('depose', (life) => life.depose())),
  fc.constant(command('reopen', (life) => life.reopen())),
  fc.constant(command('crash', (life) => life.crash())),
]

it('the zone registry is as its model, and no crash shows', { timeout: 3_600_000 }, async () => {
  const begin = (directory: string): Life => new Life(directory)
  await lives.run({ commands: COMMANDS, commandsMax: 60, begin })
})

afterAll(() => {
  process.stdout.write(`model of the zone registry: ${lives.describe()}\n`)
})
