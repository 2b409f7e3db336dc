import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { parsePocketId, parseZoneId } from '@kura/core'
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
  kind: 'zone-registry',
}
const migrations: readonly Migration[] = [
  {
    number: 1,
    name: 'things',
    sql: 'create table things (id integer primary key, text text not null) strict',
  },
]
const random = new SeededRandom(1)

let directory: string
let path: string
let database: KuraDatabase
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kura-database-'))
  path = join(directory, 'store.sqlite')
  initialiseDatabase({ path, genesis: identity, random, migrations })
  database = openDatabase({ path, expected: identity, migrations })
})
afterEach(() => {
  database.close()
  rmSync(directory, { recursive: true, force: true })
})

function ids(): readonly number[] {
  return database
    .prepare<{ readonly id: number }>('select id from things order by id')
    .all()
    .map((row) => row.id)
}

it('a transaction commits what it wrote and returns its result', () => {
  const insert = database.prepare('insert into things values (?, ?)')
  expect(database.transaction(() => insert.run(1, 'one').changes)).toBe(1)
  const named = database.prepare('insert into things values (@id, @text)')
  database.transaction(() => named.run({ id: 2 ** 52 + 1, text: 'large' }))
  expect(ids()).toEqual([1, 2 ** 52 + 1])
})

it('whatever a transaction throws rolls it back', () => {
  const insert = database.prepare('insert into things values (?, ?)')
  const work = (): never => {
    insert.run(1, 'one')
    throw new Error('changed my mind')
  }
  expect(() => database.transaction(work)).toThrow('changed my mind')
  expect(ids()).toEqual([])
  database.transaction(() => insert.run(2, 'two'))
  expect(ids()).toEqual([2])
})

it('writes outside a transaction, nested and asynchronous transactions are bugs', () => {
  const insert = database.prepare('insert into things values (?, ?)')
  expect(() => insert.run(1, 'one')).toThrow('writes need a transaction')
  expect(() => database.transaction(() => database.transaction(() => 1))).toThrow('do not nest')
  expect(() => database.transaction(async () => Promise.resolve(1))).toThrow('is synchronous')
  expect(ids()).toEqual([])
})

it('a refused row is a conflict, and the transaction may go on', () => {
  const insert = database.prepare('insert into things values (?, ?)')
  database.transaction(() => {
    insert.run(1, 'one')
    expect(() => insert.run(1, 'again')).toThrow(
      expect.objectContaining({ code: 'state-conflict' }),
    )
    insert.run(2, 'two')
  })
  expect(ids()).toEqual([1, 2])
})

it('a full disk refuses the transaction, stores nothing of it, and work goes on', () => {
  database.prepare('pragma max_page_count = 12').get()
  const insert = database.prepare('insert into things values (?, ?)')
  const fill = (): void => {
    for (let id = 10; id < 100; id += 1) insert.run(id, 'x'.repeat(1000))
  }
  expect(() => database.transaction(fill)).toThrow(expect.objectContaining({ code: 'disk-full' }))
  expect(ids()).toEqual([])
  expect(database.failure).toBeUndefined()
  database.transaction(() => insert.run(1, 'small'))
  expect(ids()).toEqual([1])
})

it('a transaction whose writes failed does not commit half, even if the error was caught', () => {
  database.prepare('pragma max_page_count = 12').get()
  const insert = database.prepare('insert into things values (?, ?)')
  const swallow = (): void => {
    insert.run(1, 'one')
    try {
      for (let id = 10; id < 100; id += 1) insert.run(id, 'x'.repeat(1000))
    } catch {
      // a caller that does not look
    }
    expect(() => insert.run(2, 'two')).toThrow(expect.objectContaining({ code: 'disk-full' }))
    expect(() => database.prepare('select 1').get()).toThrow(
      expect.objectContaining({ code: 'disk-full' }),
    )
  }
  expect(() => database.transaction(swallow)).toThrow(
    expect.objectContaining({ code: 'disk-full' }),
  )
  expect(ids()).toEqual([])
})

it('a checkpoint empties the log into the file', () => {
  const insert = database.prepare('insert into things values (?, ?)')
  const sizeBefore = statSync(path).size
  database.transaction(() => {
    for (let id = 1; id < 200; id += 1) insert.run(id, 'x'.repeat(500))
  })
  expect(statSync(path).size).toBe(sizeBefore)
  const result = database.checkpoint()
  expect(result.movedPages).toBe(result.logPages)
  expect(statSync(path).size).toBeGreaterThan(sizeBefore)
})

/** Runs JavaScript in a process of its own with the database open as `database`. */
function childScript(body: string): string[] {
  const script = `
    import { spawnSync } from 'node:child_process'
    import { openDatabase } from './src/index.ts'
    const database = openDatabase({ path: process.argv[1], expected: JSON.parse(process.argv[2]),
      migrations: JSON.parse(process.argv[3]) })
    const insert = database.prepare('insert into things values (?, ?)')
    ${body}`
  return ['--conditions=source', '--input-type=module', '-e', script, path].concat(
    JSON.stringify(identity),
    JSON.stringify(migrations),
  )
}

it('a commit that the disk fails has an unknown outcome, and the object is of no more use', () => {
  database.close()
  // A limit on the size of files makes the write of the log fail with EFBIG.
  const body = `
    database.transaction(() => insert.run(1, 'one'))
    spawnSync('prlimit', ['--pid', String(process.pid), '--fsize=16384'])
    const codes = []
    const attempt = (work) => { try { work(); codes.push('ok') } catch (e) { codes.push(e.code) } }
    attempt(() => database.transaction(() => {
      for (let id = 10; id < 100; id += 1) insert.run(id, 'x'.repeat(1000))
    }))
    attempt(() => database.transaction(() => insert.run(2, 'two')))
    attempt(() => database.prepare('select 1').get())
    codes.push(database.failure?.code)
    console.log(JSON.stringify(codes))`
  const child = spawnSync(process.execPath, childScript(body), {
    cwd: join(import.meta.dirname, '..'),
    encoding: 'utf8',
  })
  expect(child.stderr).toBe('')
  const code = 'unknown-outcome'
  expect(JSON.parse(child.stdout)).toEqual([code, code, code, code])
  database = openDatabase({ path, expected: identity, migrations })
  expect(ids()).toEqual([1])
})

it('a kill in the middle of commits loses none that returned', async () => {
  database.close()
  const body = `
    for (let id = 1; ; id += 1) {
      database.transaction(() => insert.run(id, 'x'.repeat(300)))
      process.stdout.write(id + '\\n')
      if (id % 50 === 0) database.checkpoint()
    }`
  const child = spawn(process.execPath, childScript(body), {
    cwd: join(import.meta.dirname, '..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
    if (text.length > 4_000) child.kill('SIGKILL')
  })
  await once(child, 'close')
  expect(child.signalCode).toBe('SIGKILL')
  const committed = text.split('\n').slice(0, -1).map(Number)
  expect(committed.length).toBeGreaterThan(500)
  database = openDatabase({ path, expected: identity, migrations, verify: true })
  const stored = new Set(ids())
  expect(committed.filter((id) => !stored.has(id))).toEqual([])
})
