import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ServiceLog } from './service-log.ts'

const MIB = 1024 * 1024

let folder: string
let warnings: string[]
let log: ServiceLog

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kura-log-'))
  warnings = []
  log = new ServiceLog({ path: join(folder, 'a.log'), onWarning: (line) => warnings.push(line) })
})

afterEach(async () => {
  log.close()
  await rm(folder, { recursive: true })
})

test('a warning that arrives in two pieces is one warning', () => {
  log.write(Buffer.from('{"level":"warn","msg":"slo'))
  log.write(Buffer.from('w","durationMs":7}\n{"level":"info","msg":"fine"}\n'))
  expect(warnings).toEqual(['warn: slow (durationMs 7)'])
})

test('a warning that comes again and again is handed on once', () => {
  const line = '{"level":"warn","msg":"copy failed","osdId":3}\n'
  log.write(Buffer.from(line.repeat(50)))
  log.write(Buffer.from('{"level":"error","msg":"another"}\n'))
  expect(warnings).toEqual(['warn: copy failed (osdId 3)', 'error: another'])
})

test('what a service says on its standard error is handed on as it is', () => {
  log.writeError(Buffer.from('kura storage-node: locked (locked)\n'))
  expect(warnings).toEqual(['kura storage-node: locked (locked)'])
})

test('a log never takes more than two files of 16 MiB', async () => {
  const piece = Buffer.alloc(MIB, 'x')
  for (let count = 0; count < 40; count += 1) log.write(piece)
  expect((await readdir(folder)).sort()).toEqual(['a.log', 'a.log.1'])
  expect((await stat(join(folder, 'a.log.1'))).size).toBe(16 * MIB)
})

test('on a full disk lines are lost, which is said once, and nothing stops', () => {
  const full = new ServiceLog({ path: '/dev/full', onWarning: (line) => warnings.push(line) })
  for (let count = 0; count < 10; count += 1) {
    full.write(Buffer.from('{"level":"info","msg":"fine"}\n'))
  }
  full.write(Buffer.from('{"level":"error","msg":"a disk is full"}\n'))
  full.close()
  expect(warnings).toEqual([
    'lines are lost, the log file cannot be written (ENOSPC: no space left on device, write)',
    'error: a disk is full',
  ])
})
