import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { parsePocketId, parseZoneId, type Random } from '@kura/core'
import { SeededRandom } from '@kura/testkit'
import { initialiseDatabase, openDatabase, type DatabaseIdentity, type Migration } from './index.ts'

const identity: DatabaseIdentity = {
  pocket: parsePocketId('local'),
  zone: parseZoneId('a'),
  kind: 'block-index',
}
const migrations: readonly Migration[] = [
  { number: 1, name: 'things', sql: 'create table things (id integer primary key) strict' },
]
const random = new SeededRandom(1)

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kura-database-'))
  path = join(directory, 'deep', 'er', 'store.sqlite')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function initialise(): ReturnType<typeof initialiseDatabase> {
  return initialiseDatabase({ path, genesis: identity, random, migrations })
}

it('genesis makes the directories, the row and the tables, and nothing else stays behind', () => {
  const genesis = initialise()
  expect(genesis.incarnation.number).toBe(1)
  expect(genesis.incarnation.random).toMatch(/^[0-9a-f]{16}$/)
  expect(readdirSync(join(directory, 'deep', 'er'))).toEqual(['store.sqlite'])
  const database = openDatabase({ path, expected: identity, migrations })
  expect(database.genesis).toEqual({ ...genesis, cellId: undefined })
  expect(database.prepare('select count(*) as n from things').get()).toEqual({ n: 0 })
  database.close()
})

it('a second genesis is refused and changes nothing', () => {
  initialise()
  const before = readFileSync(path)
  expect(initialise).toThrow(expect.objectContaining({ code: 'already-initialised' }))
  expect(readFileSync(path).equals(before)).toBe(true)
})

it('a genesis that another one has overtaken is refused and changes nothing', () => {
  let before: Buffer | undefined
  let asked = 0
  // Chance is asked for the incarnation, and after the look at what is there for a scratch name.
  const slow: Random = {
    next: () => random.next(),
    bytes: (count) => {
      asked += 1
      if (asked === 2) {
        initialise()
        before = readFileSync(path)
      }
      return random.bytes(count)
    },
  }
  const overtaken = (): unknown =>
    initialiseDatabase({ path, genesis: identity, random: slow, migrations })
  expect(overtaken).toThrow(expect.objectContaining({ code: 'already-initialised' }))
  expect(before?.equals(readFileSync(path))).toBe(true)
})

it('two genesis runs never give the same incarnation', () => {
  const first = initialise()
  rmSync(path)
  expect(initialise().incarnation.random).not.toBe(first.incarnation.random)
})

it('genesis refuses to lay a new database beside the log of a lost one', () => {
  initialise()
  rmSync(path)
  writeFileSync(`${path}-wal`, 'the last rows of the lost database')
  expect(initialise).toThrow(expect.objectContaining({ code: 'state-conflict' }))
  expect(existsSync(`${path}-wal`)).toBe(true)
})

it('a genesis killed half-way leaves no database, and the next one completes', () => {
  // The migration's text is read in the middle of the work; reading it kills the process.
  const script = `
    import { initialiseDatabase } from './src/index.ts'
    initialiseDatabase({
      path: process.argv[1],
      genesis: { pocket: 'local', zone: 'a', kind: 'block-index' },
      random: { next: () => 0, bytes: (count) => Buffer.alloc(count, 7) },
      migrations: [{ number: 1, name: 'x', get sql() { process.kill(process.pid, 'SIGKILL') } }],
    })`
  const child = spawnSync(
    process.execPath,
    ['--conditions=source', '--input-type=module', '-e', script, path],
    { cwd: join(import.meta.dirname, '..'), encoding: 'utf8' },
  )
  expect(child.signal).toBe('SIGKILL')
  expect(readdirSync(join(directory, 'deep', 'er')).length).toBeGreaterThan(0)
  expect(existsSync(path)).toBe(false)
  initialise()
  expect(readdirSync(join(directory, 'deep', 'er'))).toEqual(['store.sqlite'])
  openDatabase({ path, expected: identity, migrations }).close()
})

it('a genesis killed after it gave the database its name is complete', () => {
  initialise()
  linkSync(path, `${path}.genesis-0123456789abcdef`)
  openDatabase({ path, expected: identity, migrations }).close()
  expect(initialise).toThrow(expect.objectContaining({ code: 'already-initialised' }))
  openDatabase({ path, expected: identity, migrations, verify: true }).close()
})

it('a directory that cannot be written is an error of the disk, not a bug', () => {
  execFileSync('mkdir', ['-p', join(directory, 'deep')])
  writeFileSync(join(directory, 'deep', 'er'), 'a file where the directory goes')
  expect(initialise).toThrow(expect.objectContaining({ code: 'disk-error' }))
})
