import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { parsePocketId, parseZoneId } from '@kura/core'
import { ManualClock, SeededRandom } from '@kura/testkit'
import {
  DatabaseReplacement,
  initialiseDatabase,
  openDatabase,
  readBackup,
  receiveBackup,
  sendBackup,
  type BackupPart,
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
  {
    number: 1,
    name: 'things',
    sql: 'create table things (id integer primary key, bytes blob not null) strict',
  },
]
const random = new SeededRandom(1)
const clock = new ManualClock()
const ROW_BYTES = 100_000

let directory: string
let path: string
let database: KuraDatabase

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kura-backup-'))
  path = join(directory, 'store.sqlite')
  initialiseDatabase({ path, genesis: expected, random, migrations })
  database = openDatabase({ path, expected, migrations })
  for (let id = 1; id <= 30; id += 1) insert(id)
})

afterEach(() => {
  database.close()
  rmSync(directory, { recursive: true, force: true })
})

function insert(id: number): void {
  const statement = database.prepare('insert into things values (?, ?)')
  database.transaction(() => statement.run(id, random.bytes(ROW_BYTES)))
}

function send(): AsyncIterable<BackupPart> {
  return sendBackup(database, { clock, random, epoch: 5 })
}

async function take(name = 'backup', parts = send()): Promise<string> {
  const folder = join(directory, name)
  await receiveBackup({ folder, expected, parts, random })
  return folder
}

function restore(folder: string): readonly number[] {
  database.close()
  {
    using replacement = DatabaseReplacement.begin({ path, expected, migrations, random })
    const from = join(folder, 'database.sqlite')
    replacement.create({ incarnationNumber: 2, from })
    replacement.publish()
  }
  database = openDatabase({ path, expected, migrations, verify: true })
  return database
    .prepare<{ readonly id: number }>('select id from things order by id')
    .all()
    .map(({ id }) => id)
}

it('a copy of a database at work is restored with all that was committed, as another', async () => {
  const before = database.genesis.incarnation
  const folder = await take()
  const { manifest } = await readBackup(folder, expected)
  expect(manifest).toMatchObject({ kind: 'block-index', epoch: 5, incarnation: before })
  insert(31)
  expect(restore(folder)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1))
  expect(database.genesis.incarnation.number).toBe(2)
  expect(database.genesis.incarnation.random).not.toBe(before.random)
})

it('commits go on while the copy is sent, and one copy is sent at a time', async () => {
  const first = send()[Symbol.asyncIterator]()
  await first.next()
  insert(31)
  const second = send()[Symbol.asyncIterator]().next()
  await expect(second).rejects.toMatchObject({ code: 'overloaded' })
  await first.return?.()
  const folder = await take()
  expect(restore(folder)).toContain(31)
})

it('no copy is left beside the database, and none of a sender that died stays', async () => {
  writeFileSync(`${path}.backup-0000000000000000`, 'left behind')
  await take()
  expect(readdirSync(directory).filter((name) => name.includes('.backup-'))).toEqual([])
})

it('a backup that ends in the middle makes no folder', async () => {
  async function* cut(): AsyncGenerator<BackupPart> {
    for await (const part of send()) {
      if (part.manifest !== undefined) return
      yield part
    }
  }
  await expect(take('cut', cut())).rejects.toMatchObject({ code: 'unavailable' })
  expect(readdirSync(directory).filter((name) => name.includes('cut'))).toEqual([])
})

it('a backup never replaces anything', async () => {
  const folder = await take()
  await expect(take()).rejects.toMatchObject({ code: 'target-exists' })
  await readBackup(folder, expected)
})

it('a flipped bit in the copy is found', async () => {
  const folder = await take()
  const copy = join(folder, 'database.sqlite')
  const bytes = readFileSync(copy)
  const at = Math.floor(bytes.length / 2)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  writeFileSync(copy, bytes)
  await expect(readBackup(folder, expected)).rejects.toMatchObject({ code: 'format-invalid' })
})

it('a backup of another place or kind is refused', async () => {
  const folder = await take()
  const others: readonly DatabaseIdentity[] = [
    { ...expected, pocket: parsePocketId('other') },
    { ...expected, zone: parseZoneId('b') },
    { ...expected, kind: 'zone-registry' },
  ]
  for (const other of others) {
    await expect(readBackup(folder, other)).rejects.toMatchObject({ code: 'identity-mismatch' })
  }
})

it('a folder without a sound manifest is no backup', async () => {
  await expect(readBackup(directory, expected)).rejects.toMatchObject({ code: 'file-error' })
  const folder = await take()
  writeFileSync(join(folder, 'MANIFEST'), '{"formatVersion":2}')
  await expect(readBackup(folder, expected)).rejects.toMatchObject({ code: 'format-too-new' })
  writeFileSync(join(folder, 'MANIFEST'), '{')
  await expect(readBackup(folder, expected)).rejects.toMatchObject({ code: 'format-invalid' })
})
