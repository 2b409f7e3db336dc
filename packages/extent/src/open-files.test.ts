import type { Disk, File } from '@kura/core'
import { MemoryDisk } from '@kura/testkit'
import { expect, it } from 'vitest'
import { OpenFiles } from './open-files.ts'

/** A disk with files a to e that counts its open ones. */
async function prepare(): Promise<{ disk: Disk; open: Set<string> }> {
  const disk = new MemoryDisk()
  for (const name of 'abcde') await disk.writeFileDurably(name, Buffer.from(name))
  const open = new Set<string>()
  const openFile = disk.open.bind(disk)
  disk.open = async (path, options) => {
    const file = await openFile(path, options)
    open.add(path)
    const close = file.close.bind(file)
    file.close = async () => {
      open.delete(path)
      await close()
    }
    return file
  }
  return { disk, open }
}

async function readName(file: File): Promise<string> {
  const bytes = Buffer.alloc(1)
  await file.read(bytes, 0)
  return bytes.toString()
}

it('keeps no more files open than its limit', async () => {
  const { disk, open } = await prepare()
  const files = new OpenFiles(disk, 2)
  for (const name of 'abcde') expect(await files.use(name, false, readName)).toBe(name)
  await new Promise((resolve) => setImmediate(resolve))
  expect([...open]).toEqual(['d', 'e'])
  files.closeAll()
  await new Promise((resolve) => setImmediate(resolve))
  expect(open.size).toBe(0)
})

it('never closes a file under a reader', async () => {
  const { disk, open } = await prepare()
  const files = new OpenFiles(disk, 1)
  const names = await Promise.all([...'abcde'].map((name) => files.use(name, false, readName)))
  expect(names).toEqual([...'abcde'])
  await new Promise((resolve) => setImmediate(resolve))
  expect(open.size).toBe(1)
})

it('a file that did not open is asked for again', async () => {
  const { disk } = await prepare()
  const files = new OpenFiles(disk, 2)
  await expect(files.use('z', false, readName)).rejects.toMatchObject({ code: 'ENOENT' })
  await disk.writeFileDurably('z', Buffer.from('z'))
  expect(await files.use('z', false, readName)).toBe('z')
})
