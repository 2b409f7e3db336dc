import { parsePocketId, parseZoneId } from '@kura/core'
import {
  initialiseDatabase,
  openDatabase,
  type DatabaseIdentity,
  type KuraDatabase,
  type Migration,
} from '@kura/database'
import { SeededRandom } from '@kura/testkit'
import { expect, it } from 'vitest'
import { Kernel } from '../kernel/kernel.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'
import { SimulatedDatabases } from './simulated-databases.ts'

const PATH = 'index-1/index.sqlite'
const IDENTITY: DatabaseIdentity = {
  pocket: parsePocketId('7f9c24e5-2fd0-4dc3-ae79-09c8a3f5b211'),
  zone: parseZoneId('zone-a'),
  kind: 'block-index',
}
const MIGRATIONS: readonly Migration[] = [
  { number: 1, name: 'numbers', sql: 'create table numbers (n integer primary key) strict' },
]

class Bench {
  readonly kernel: Kernel
  readonly databases: SimulatedDatabases
  scope: ProcessScope

  constructor(options: { seed?: number; commitsPerImage?: number } = {}) {
    const { seed = 1, commitsPerImage = 1 } = options
    this.kernel = new Kernel({ seed, eventsMax: 1e6, virtualMsMax: 1e9 })
    this.databases = new SimulatedDatabases({ kernel: this.kernel, commitsPerImage })
    this.scope = this.kernel.newScope('index')
    this.initialise()
  }

  initialise(): void {
    initialiseDatabase({
      path: PATH,
      genesis: IDENTITY,
      random: new SeededRandom(1),
      migrations: MIGRATIONS,
      medium: this.databases.medium(this.scope),
    })
  }

  open(migrations = MIGRATIONS): KuraDatabase {
    const medium = this.databases.medium(this.scope)
    return openDatabase({ path: PATH, expected: IDENTITY, migrations, medium, verify: true })
  }

  restart(): KuraDatabase {
    this.scope.end()
    this.scope = this.kernel.newScope('index')
    return this.open()
  }
}

function add(database: KuraDatabase, n: number, meanwhile = (): void => undefined): void {
  const insert = database.prepare('insert into numbers values (?)')
  database.transaction(() => {
    insert.run(n)
    meanwhile()
  })
}

function read(database: KuraDatabase): number[] {
  return database
    .prepare<{ n: number }>('select n from numbers order by n')
    .all()
    .map(({ n }) => n)
}

it('what is committed is there after a kill, what is not never was', () => {
  for (const commitsPerImage of [1, 3]) {
    const bench = new Bench({ commitsPerImage })
    const database = bench.open()
    add(database, 1)
    add(database, 2)
    add(database, 3, () => bench.scope.end())
    add(database, 4)
    expect(read(bench.restart())).toEqual([1, 2])
  }
})

it('a database that is closed in order keeps what it has, and another process may open it', () => {
  const bench = new Bench({ commitsPerImage: 5 })
  const database = bench.open()
  add(database, 1)
  expect(() => bench.open()).toThrow(expect.objectContaining({ code: 'locked' }))
  expect(database.checkpoint().movedPages).toBeLessThan(1)
  database.close()
  const again = bench.open()
  expect(read(again)).toEqual([1])
  expect(again.genesis).toEqual(database.genesis)
})

it('genesis is refused where there is a database, and opening where there is none', () => {
  const bench = new Bench()
  const already = expect.objectContaining({ code: 'already-initialised' })
  expect(() => bench.initialise()).toThrow(already)
  const medium = bench.databases.medium(bench.scope)
  const options = { expected: IDENTITY, migrations: MIGRATIONS, medium }
  const missing = expect.objectContaining({ code: 'genesis-missing' })
  expect(() => openDatabase({ ...options, path: 'elsewhere' })).toThrow(missing)
})

it('a newer program adds its tables for good', () => {
  const bench = new Bench()
  const added = { number: 2, name: 'more', sql: 'create table more (n integer) strict' }
  const more = [...MIGRATIONS, added]
  bench.open(more)
  bench.scope.end()
  bench.scope = bench.kernel.newScope('index')
  const tooNew = expect.objectContaining({ code: 'format-too-new' })
  expect(() => bench.open()).toThrow(tooNew)
  expect(bench.open(more).prepare('select * from more').all()).toEqual([])
})

it('a commit that a full disk refuses never happened, and the next one may', () => {
  const bench = new Bench()
  const database = bench.open()
  bench.databases.failNextCommit(PATH, 'SQLITE_FULL')
  expect(() => add(database, 1)).toThrow(expect.objectContaining({ code: 'disk-full' }))
  add(database, 2)
  expect(read(bench.restart())).toEqual([2])
  expect(bench.databases.counts()).toEqual({ SQLITE_FULL: 1 })
})

it('whether a commit happened that the disk failed is known only after a restart', () => {
  const found = new Set<string>()
  for (let seed = 1; seed <= 20; seed += 1) {
    const bench = new Bench({ seed })
    const database = bench.open()
    add(database, 1)
    bench.databases.failNextCommit(PATH, 'SQLITE_IOERR_FSYNC')
    const unknown = expect.objectContaining({ code: 'unknown-outcome' })
    expect(() => add(database, 2)).toThrow(unknown)
    expect(() => add(database, 3)).toThrow(unknown)
    found.add(read(bench.restart()).join())
  }
  expect([...found].sort()).toEqual(['1', '1,2'])
})

it('a database can be found as it was some commits ago', () => {
  const bench = new Bench()
  const database = bench.open()
  for (const n of [1, 2, 3]) add(database, n)
  const older = bench.databases.olderImage(PATH, 2)
  expect(older).toBeDefined()
  expect(() => bench.databases.restore(PATH, older ?? Buffer.of())).toThrow('no process')
  bench.scope.end()
  bench.databases.restore(PATH, older ?? Buffer.of())
  expect(read(bench.restart())).toEqual([1])
  expect(bench.databases.olderImage(PATH, 99)).toBeUndefined()
})

it('a seed gives the same image to the byte', () => {
  const run = (): Buffer | undefined => {
    const bench = new Bench()
    const database = bench.open()
    for (let n = 0; n < 100; n += 1) add(database, n)
    return bench.databases.image(PATH)
  }
  expect(run()).toEqual(run())
})
