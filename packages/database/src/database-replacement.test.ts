import { spawnSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { MARKS, parsePocketId, parseZoneId } from '@kura/core'
import { SeededRandom } from '@kura/testkit'
import {
  DatabaseReplacement,
  initialiseDatabase,
  openDatabase,
  type DatabaseIdentity,
  type KuraDatabase,
  type Migration,
} from './index.ts'

const expected: DatabaseIdentity = {
  pocket: parsePocketId('local'),
  zone: parseZoneId('a'),
  kind: 'block-index',
}
const migrations: readonly Migration[] = [
  { number: 1, name: 'things', sql: 'create table things (id integer primary key) strict' },
]
const random = new SeededRandom(1)
const MODULE = new URL('index.ts', import.meta.url).pathname

let directory: string
let path: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kura-replacement-'))
  path = join(directory, 'store.sqlite')
  initialiseDatabase({ path, genesis: expected, random, migrations })
  using database = openThings(path)
  insert(database.things, 1)
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function openThings(at: string): Disposable & { readonly things: KuraDatabase } {
  const things = openDatabase({ path: at, expected, migrations, verify: true })
  return { things, [Symbol.dispose]: () => things.close() }
}

function insert(database: KuraDatabase, id: number): void {
  const statement = database.prepare('insert into things values (?)')
  database.transaction(() => statement.run(id))
}

function ids(at: string): readonly number[] {
  using database = openThings(at)
  return database.things
    .prepare<{ readonly id: number }>('select id from things order by id')
    .all()
    .map(({ id }) => id)
}

function begin(): DatabaseReplacement {
  return DatabaseReplacement.begin({ path, expected, migrations, random })
}

function replaceWith(id: number): string | undefined {
  using replacement = begin()
  insert(replacement.create({ incarnationNumber: 7 }), id)
  return replacement.publish()
}

it('a new database takes the place of the old one, which is kept whole', () => {
  const folder = replaceWith(2)
  expect(ids(path)).toEqual([2])
  expect(folder).toBe(join(directory, 'replaced-1'))
  expect(ids(join(directory, 'replaced-1', 'store.sqlite'))).toEqual([1])
  using database = openThings(path)
  expect(database.things.genesis.incarnation.number).toBe(7)
})

it('a replacement passes each of its marks, one after the other', () => {
  const marks = MARKS.filter((mark) => mark.startsWith('database.'))
  const passed: string[] = []
  const listeners = marks.map((mark) => ({
    channel: `kura:${mark}`,
    listen: () => {
      passed.push(mark)
    },
  }))
  for (const { channel, listen } of listeners) subscribe(channel, listen)
  replaceWith(2)
  for (const { channel, listen } of listeners) unsubscribe(channel, listen)
  expect(passed).toEqual(marks)
})

it('what only the log of the old database has goes aside with it', () => {
  const program = `
    const { openDatabase } = await import(${JSON.stringify(MODULE)})
    const database = openDatabase(${JSON.stringify({ path, expected, migrations })})
    const insert = database.prepare('insert into things values (5)')
    database.transaction(() => insert.run())
    process.kill(process.pid, 'SIGKILL')`
  const args = ['--conditions=source', '--input-type=module', '-e', program]
  expect(spawnSync(process.execPath, args).signal).toBe('SIGKILL')
  expect(existsSync(`${path}-wal`)).toBe(true)
  replaceWith(2)
  expect(ids(path)).toEqual([2])
  expect(ids(join(directory, 'replaced-1', 'store.sqlite'))).toEqual([1, 5])
})

it('a database that a service has open is not replaced', () => {
  using database = openThings(path)
  expect(() => begin()).toThrow(expect.objectContaining({ code: 'locked' }))
  insert(database.things, 3)
})

it('nobody opens the old database while it is being replaced, and no other replaces it', () => {
  using replacement = begin()
  replacement.create({ incarnationNumber: 2 })
  const open = () => openDatabase({ path, expected, migrations, lockTimeoutMs: 0 })
  expect(open).toThrow(expect.objectContaining({ code: 'locked' }))
  expect(() => begin()).toThrow(expect.objectContaining({ code: 'locked' }))
})

it('two replacements of a lost database do not run at the same time', () => {
  rmSync(path)
  using replacement = begin()
  expect(replacement.inPlace).toBeUndefined()
  expect(() => begin()).toThrow(expect.objectContaining({ code: 'locked' }))
})

it('a replacement that is given up leaves the old database as it was, and nothing else', () => {
  {
    using replacement = begin()
    insert(replacement.create({ incarnationNumber: 2 }), 9)
  }
  expect(ids(path)).toEqual([1])
  expect(readdirSync(directory).sort()).toEqual(['store.sqlite', 'store.sqlite.replacing'])
})

it('a database of another place is refused', () => {
  const other = { ...expected, zone: parseZoneId('b') }
  const replace = () => DatabaseReplacement.begin({ path, expected: other, migrations, random })
  expect(replace).toThrow(expect.objectContaining({ code: 'identity-mismatch' }))
})

it('bytes that are no database are moved aside as they are', () => {
  writeFileSync(path, Buffer.alloc(8192, 0x5a))
  replaceWith(2)
  expect(ids(path)).toEqual([2])
  expect(existsSync(join(directory, 'replaced-1', 'store.sqlite'))).toBe(true)
})

it('a cut between moving aside and publishing is finished by the same again', () => {
  const folder = join(directory, 'replaced-1')
  replaceWith(2)
  // As the cut leaves it: the database is aside, its log not yet.
  rmSync(path)
  rmSync(join(folder, 'store.sqlite-wal'), { force: true })
  writeFileSync(`${path}-wal`, 'log')
  const genesis = () => initialiseDatabase({ path, genesis: expected, random, migrations })
  expect(genesis).toThrow(expect.objectContaining({ code: 'state-conflict' }))
  expect(replaceWith(4)).toBe(folder)
  expect(ids(path)).toEqual([4])
  expect(readdirSync(folder).sort()).toEqual(['store.sqlite', 'store.sqlite-wal'])
})

it('where a database was moved aside, genesis makes no empty one', () => {
  replaceWith(2)
  renameSync(path, join(directory, 'elsewhere'))
  const genesis = () => initialiseDatabase({ path, genesis: expected, random, migrations })
  expect(genesis).toThrow(expect.objectContaining({ code: 'state-conflict' }))
})

it('after incarnation 255 there is no other', () => {
  using replacement = begin()
  const create = () => replacement.create({ incarnationNumber: 256 })
  expect(create).toThrow(expect.objectContaining({ code: 'state-conflict' }))
})
