import { describe, expect, it } from 'vitest'
import { MemoryDisk } from './memory-disk.ts'
import { SeededRandom } from './seeded-random.ts'

const PAGE = Buffer.from(new ArrayBuffer(4096))

async function writeAt(disk: MemoryDisk, path: string, offsetBytes: number): Promise<void> {
  const file = await disk.open(path, { mode: 'write', direct: false })
  await file.write([PAGE.fill(1)], offsetBytes)
  await file.close()
}

async function prepare(): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  await disk.makeDirectory('d')
  const file = await disk.create('d/a', { allocateBytes: 8 * 4096, direct: false })
  await file.write([PAGE.fill(7)], 0)
  await file.sync()
  await file.close()
  await disk.syncDirectory('d')
  return disk
}

describe('a crash', () => {
  it('keeps what was synced and loses what was not: bytes, lengths, names', async () => {
    const disk = await prepare()
    await writeAt(disk, 'd/a', 4096)
    const grown = await disk.open('d/a', { mode: 'write', direct: false })
    await grown.cut(4096)
    await disk.create('d/b', { allocateBytes: 0, direct: false })
    const next = disk.crash()
    const content = await next.readFile('d/a')
    expect(content.length).toBe(8 * 4096)
    expect([content[0], content[4096]]).toEqual([7, 0])
    expect(await next.list('d')).toEqual(['a'])
    await expect(disk.readFile('d/a')).rejects.toMatchObject({ code: 'EIO' })
  })

  it('that is torn keeps some sectors of one write and not others, never half of one', async () => {
    const kept = new Set<string>()
    for (let seed = 0; seed < 20; seed += 1) {
      const disk = await prepare()
      await writeAt(disk, 'd/a', 4096)
      const next = disk.crash({ torn: new SeededRandom(seed) })
      const content = await next.readFile('d/a')
      for (let start = 4096; start < 8192; start += 512) {
        expect(new Set(content.subarray(start, start + 512)).size).toBe(1)
      }
      kept.add(`${String(content[4096])}${String(content[4096 + 512])}`)
    }
    expect(kept).toEqual(new Set(['00', '01', '10', '11']))
  })

  it('leaves a renamed small file whole: the old one or the new one', async () => {
    const disk = await prepare()
    await disk.writeFileDurably('d/small', Buffer.from('old'))
    await disk.writeFileDurably('d/small', Buffer.from('new'))
    expect((await disk.crash().readFile('d/small')).toString()).toBe('new')
  })

  it('keeps two names of one file together', async () => {
    const disk = await prepare()
    await disk.link('d/a', 'd/b')
    await disk.syncDirectory('d')
    const next = disk.crash()
    next.flipBit('d/a', 0)
    expect((await next.readFile('d/b'))[0]).toBe(6)
  })
})

describe('direct access', () => {
  it('refuses what the system would refuse', async () => {
    const disk = await prepare()
    const file = await disk.open('d/a', { mode: 'write', direct: true })
    const refusals = [
      file.write([PAGE], 100),
      file.write([PAGE.subarray(0, 100)], 0),
      file.read(Buffer.from(new ArrayBuffer(8192), 1, 4096), 0),
    ]
    for (const refusal of refusals) await expect(refusal).rejects.toMatchObject({ code: 'EINVAL' })
  })
})

it('a full disk says ENOSPC', async () => {
  const disk = new MemoryDisk({ totalBytes: 10 * 4096 })
  await disk.create('a', { allocateBytes: 8 * 4096, direct: false })
  expect(await disk.space()).toEqual({ totalBytes: 10 * 4096, freeBytes: 2 * 4096 })
  const created = disk.create('b', { allocateBytes: 3 * 4096, direct: false })
  await expect(created).rejects.toMatchObject({ code: 'ENOSPC' })
})

it('one lock at a time, gone with the process', async () => {
  const disk = await prepare()
  await disk.lock('LOCK')
  await expect(disk.lock('LOCK')).rejects.toMatchObject({ code: 'locked' })
  await (await disk.restart().lock('LOCK')).release()
})
