import { expect, it } from 'vitest'
import { FaultyDisk } from './faulty-disk.ts'
import { MemoryDisk } from './memory-disk.ts'

const bytes = Buffer.from('x')

it('fails the operation it is told to, once or for ever, and records all', async () => {
  const disk = new FaultyDisk(new MemoryDisk())
  disk.fail({ kind: 'writeFileDurably', path: /b$/, nth: 2, code: 'ENOSPC' })
  await disk.writeFileDurably('a', bytes)
  await disk.writeFileDurably('b', bytes)
  await disk.writeFileDurably('a', bytes)
  await expect(disk.writeFileDurably('b', bytes)).rejects.toMatchObject({ code: 'ENOSPC' })
  await disk.writeFileDurably('b', bytes)
  disk.fail({ kind: 'readFile', code: 'EIO', lasts: 'for-ever' })
  await expect(disk.readFile('a')).rejects.toMatchObject({ code: 'EIO' })
  await expect(disk.readFile('b')).rejects.toMatchObject({ code: 'EIO' })
  disk.heal()
  expect((await disk.readFile('a')).toString()).toBe('x')
  expect(disk.count('writeFileDurably')).toBe(5)
  expect(disk.count('readFile', /b/)).toBe(1)
})

it('holds an operation back until it is released', async () => {
  const disk = new FaultyDisk(new MemoryDisk())
  const file = await disk.create('a', { allocateBytes: 0, direct: false })
  const held = disk.hold({ kind: 'file.write' })
  let isWritten = false
  const written = file.write([bytes], 0).then(() => {
    isWritten = true
  })
  await held.reached
  expect(await file.sizeBytes()).toBe(0)
  expect(isWritten).toBe(false)
  held.release()
  await written
  expect(await file.sizeBytes()).toBe(1)
})

it('stops at the nth change: the crashed disk has the changes before it', async () => {
  const memory = new MemoryDisk()
  const disk = new FaultyDisk(memory)
  let crashed: MemoryDisk | undefined
  disk.stopAt(2, () => {
    crashed = memory.crash()
  })
  await disk.writeFileDurably('a', bytes)
  await expect(disk.writeFileDurably('b', bytes)).rejects.toMatchObject({ code: 'EIO' })
  await expect(disk.writeFileDurably('c', bytes)).rejects.toMatchObject({ code: 'EIO' })
  expect(await crashed?.list('.')).toEqual(['a'])
})
