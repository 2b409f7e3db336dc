import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DataLock } from './data-lock.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kura-lock-'))
})

afterEach(() => rm(folder, { recursive: true }))

test('the second launcher of a folder is refused and told who holds it', () => {
  const lock = DataLock.take(folder)
  expect(() => DataLock.take(folder)).toThrow(`is in use by process ${process.pid}`)
  lock.release()
  DataLock.take(folder).release()
})
