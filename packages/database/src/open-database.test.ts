import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { parseCellId, parsePocketId, parseZoneId } from '@kura/core'
import { SeededRandom } from '@kura/testkit'
import {
  initialiseDatabase,
  openDatabase,
  type DatabaseIdentity,
  type KuraDatabase,
  type Migration,
} from './index.ts'

const identity: DatabaseIdentity = {
  pocket: parsePocketId('local'),
  zone: parseZoneId('a'),
  cellId: parseCellId(1),
  kind: 'replication-table',
}
const first: Migration = {
  number: 1,
  name: 'things',
  sql: 'create table things (id integer primary key, text text) strict',
}
const second: Migration = {
  number: 2,
  name: 'things have a colour',
  sql: 'alter table things add column colour text',
}
const random = new SeededRandom(1)
const LARGE_BYTES = 4 * 1024 * 1024

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kura-database-'))
  path = join(directory, 'store.sqlite')
  initialiseDatabase({ path, genesis: identity, random, migrations: [first] })
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function open(overrides: Partial<Parameters<typeof openDatabase>[0]> = {}): KuraDatabase {
  return openDatabase({
    path,
    expected: identity,
    migrations: [first],
    lockTimeoutMs: 20,
    ...overrides,
  })
}

function pragma(database: KuraDatabase, name: string): unknown {
  const statement = database.prepare<object>(`pragma ${name}`)
  // SQLite counts some pragmas as writes, whatever they do.
  return Object.values(database.transaction(() => statement.get()) ?? {})[0]
}

it('a database in WAL mode that is opened again is fully synchronous', () => {
  // What better-sqlite3 does by itself with such a file: the reason for this test.
  const plain = new Database(path)
  expect(plain.pragma('journal_mode', { simple: true })).toBe('wal')
  expect(plain.pragma('synchronous', { simple: true })).toBe(1)
  plain.close()
  for (let round = 0; round < 2; round += 1) {
    const database = open()
    expect(pragma(database, 'journal_mode')).toBe('wal')
    expect(pragma(database, 'synchronous')).toBe(2)
    expect(pragma(database, 'foreign_keys')).toBe(1)
    expect(pragma(database, 'wal_autocheckpoint')).toBe(0)
    database.close()
  }
})

it('a file that is not there is a missing genesis, and opening does not make one', () => {
  rmSync(path)
  expect(() => open()).toThrow(expect.objectContaining({ code: 'genesis-missing' }))
  expect(() => open()).toThrow(expect.objectContaining({ code: 'genesis-missing' }))
})

it('an empty file and a foreign database are a missing genesis', () => {
  writeFileSync(path, '')
  expect(() => open()).toThrow(expect.objectContaining({ code: 'genesis-missing' }))
  rmSync(path)
  const foreign = new Database(path)
  foreign.exec('create table t (x)')
  foreign.close()
  expect(() => open()).toThrow(expect.objectContaining({ code: 'genesis-missing' }))
})

it('bytes that are no database are an invalid format', () => {
  writeFileSync(path, randomBytes(8192))
  expect(() => open()).toThrow(expect.objectContaining({ code: 'format-invalid' }))
})

it.each([
  { ...identity, pocket: parsePocketId('other') },
  { ...identity, zone: parseZoneId('b') },
  { ...identity, cellId: parseCellId(2) },
  { ...identity, cellId: undefined },
  { ...identity, kind: 'zone-registry' as const },
])('a database of another place is refused: %o', (expected) => {
  expect(() => open({ expected })).toThrow(expect.objectContaining({ code: 'identity-mismatch' }))
})

it('a second opener is refused, and the owner goes on', () => {
  const owner = open()
  expect(() => open()).toThrow(expect.objectContaining({ code: 'locked' }))
  const insert = owner.prepare('insert into things (id) values (1)')
  owner.transaction(() => insert.run())
  owner.close()
  const next = open()
  expect(next.prepare('select id from things').all()).toEqual([{ id: 1 }])
  next.close()
})

it('another process is refused as long as the owner lives, and the lock dies with it', async () => {
  const script = `
    import { openDatabase } from './src/index.ts'
    const owner = openDatabase({ path: process.argv[1], expected: JSON.parse(process.argv[2]),
      migrations: [JSON.parse(process.argv[3])] })
    process.stdout.write('open')
    // A connection that nobody holds is collected, and its lock with it.
    setInterval(() => owner.path, 1000)`
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--input-type=module', '-e', script, path].concat(
      JSON.stringify(identity),
      JSON.stringify(first),
    ),
    { cwd: join(import.meta.dirname, '..'), stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await once(child.stdout, 'data')
  expect(() => open()).toThrow(expect.objectContaining({ code: 'locked' }))
  child.kill('SIGKILL')
  await once(child, 'exit')
  open().close()
})

it('missing migrations are applied once, in order', () => {
  open({ migrations: [first, second] }).close()
  const database = open({ migrations: [first, second] })
  expect(database.prepare('select colour from things').all()).toEqual([])
  expect(database.prepare('select number from migrations').all()).toEqual([
    { number: 1 },
    { number: 2 },
  ])
  database.close()
})

it('a migration that fails leaves the database as it was', () => {
  const broken = { number: 2, name: 'broken', sql: 'create table extra (x); select no_such()' }
  expect(() => open({ migrations: [first, broken] })).toThrow(/no_such/)
  const database = open()
  expect(database.prepare(`select name from sqlite_schema where name = 'extra'`).all()).toEqual([])
  database.close()
})

it('a database of a newer program is refused and stays byte for byte as it was', () => {
  open({ migrations: [first, second] }).close()
  const before = readFileSync(path)
  expect(() => open()).toThrow(expect.objectContaining({ code: 'format-too-new' }))
  expect(readFileSync(path).equals(before)).toBe(true)
})

it('a migration that is not the one once applied is refused', () => {
  const edited = { ...first, sql: `${first.sql} -- edited` }
  expect(() => open({ migrations: [edited] })).toThrow(
    expect.objectContaining({ code: 'format-invalid' }),
  )
})

it('verification finds a damaged page', () => {
  const database = open()
  const insert = database.prepare('insert into things (id, text) values (?, ?)')
  database.transaction(() => {
    for (let id = 1; id <= 500; id += 1) insert.run(id, 'x'.repeat(100))
  })
  database.close()
  open({ verify: true }).close()
  const bytes = readFileSync(path)
  bytes.fill(0xff, bytes.length - 4096, bytes.length - 4096 + 16)
  writeFileSync(path, bytes)
  expect(() => open({ verify: true })).toThrow(expect.objectContaining({ code: 'format-invalid' }))
})

it('what a process reads at its start comes from the medium and not from the page cache', () => {
  const writer = open()
  const insert = writer.prepare('insert into things (text) values (?)')
  writer.transaction(() => insert.run('x'.repeat(LARGE_BYTES)))
  writer.close()
  readFileSync(path)
  expect(cachedBytes(path)).toBeGreaterThan(LARGE_BYTES)
  const reader = open()
  expect(cachedBytes(path)).toBeLessThan(LARGE_BYTES / 2)
  reader.close()
})

/** Of the file, in the page cache. */
function cachedBytes(file: string): number {
  const args = ['--bytes', '--noheadings', '--output', 'RES', file]
  return Number(execFileSync('fincore', args, { encoding: 'utf8' }))
}
