import { crc32 } from 'node:zlib'
import { parseCellId, parseOsdId, parsePocketId, parseZoneId } from '@kura/core'
import { FaultyDisk, ManualClock, MemoryDisk, SeededRandom } from '@kura/testkit'
import { describe, expect, it } from 'vitest'
import { ExtentStore } from './extent-store.ts'
import { initialiseDisk } from './identity.ts'
import { BACKGROUND, EXPECTED, initialise, openStore, specOf } from './store-fixture.ts'

async function openAs(disk: MemoryDisk, changes: Partial<typeof EXPECTED>): Promise<ExtentStore> {
  return await ExtentStore.open({
    disk,
    expected: { ...EXPECTED, ...changes },
    clock: new ManualClock(),
    random: new SeededRandom(1),
    slabs: BACKGROUND,
  })
}

/** The files of a disk without extents. */
async function copyOf(
  disk: MemoryDisk,
  options: { readonly isMountPoint: boolean },
): Promise<MemoryDisk> {
  const copy = new MemoryDisk(options)
  for (const directory of ['extents', 'scratch', 'trash', 'quarantine']) {
    await copy.makeDirectory(directory)
  }
  for (const path of ['IDENTITY', 'EPOCH']) {
    await copy.writeFileDurably(path, await disk.readFile(path))
  }
  return copy
}

describe('genesis', () => {
  it('happens once', async () => {
    const disk = await initialise(new MemoryDisk())
    await expect(initialise(disk)).rejects.toMatchObject({ code: 'already-initialised' })
  })

  it('is durable as a whole: a crash leaves no disk before its end, all after it', async () => {
    const random = new SeededRandom(1)
    for (let nth = 1; nth <= 7; nth += 1) {
      const memory = new MemoryDisk()
      const faulty = new FaultyDisk(memory)
      let crashed: MemoryDisk | undefined
      faulty.stopAt(nth, () => {
        crashed = memory.crash({ torn: random })
      })
      const outcome = await initialiseDisk(faulty, { ...EXPECTED, random }).catch(() => undefined)
      const next = crashed ?? memory.crash()
      if (outcome === undefined) {
        await expect(openStore(next)).rejects.toMatchObject({ code: 'genesis-missing' })
        await initialise(next)
      }
      const { store } = await openStore(next)
      await store.close()
    }
  })

  it('refuses a directory with extents whose identity was lost', async () => {
    const disk = await initialise(new MemoryDisk())
    const { store } = await openStore(disk)
    await store.createExtent(specOf())
    await store.close()
    await disk.unlink('IDENTITY')
    await expect(initialise(disk)).rejects.toMatchObject({ code: 'state-conflict' })
    await expect(openStore(disk)).rejects.toMatchObject({ code: 'genesis-missing' })
  })
})

describe('a start', () => {
  it('refuses the disk of another pocket, zone, cell or storage node, and gives the lock back', async () => {
    const disk = await initialise(new MemoryDisk())
    const others = [
      { pocket: parsePocketId('other') },
      { zone: parseZoneId('other') },
      { cellId: parseCellId(9) },
      { osdId: parseOsdId(9) },
    ]
    for (const other of others) {
      await expect(openAs(disk, other)).rejects.toMatchObject({ code: 'identity-mismatch' })
    }
    await (await openAs(disk, {})).close()
  })

  it('refuses a copy of the files where the disk is not mounted', async () => {
    const mounted = await initialise(new MemoryDisk({ isMountPoint: true }))
    const copy = await copyOf(mounted, { isMountPoint: false })
    await expect(openStore(copy)).rejects.toMatchObject({ code: 'identity-mismatch' })
  })

  it('takes a disk that was a plain directory as a directory and as a mount point', async () => {
    const directory = await initialise(new MemoryDisk({ isMountPoint: false }))
    const mounted = await copyOf(directory, { isMountPoint: true })
    for (const disk of [directory, mounted]) await (await openAs(disk, {})).close()
  })

  it('takes a disk whose identity still names a device, whatever its number is now', async () => {
    const disk = await initialise(new MemoryDisk({ isMountPoint: false }))
    const text = (await disk.readFile('IDENTITY')).toString('utf8')
    const { isMountPoint, crc32: crc, ...fields } = JSON.parse(text) as Record<string, unknown>
    expect([typeof isMountPoint, typeof crc]).toEqual(['boolean', 'number'])
    const first = { ...fields, deviceNumber: 1793 }
    const line = JSON.stringify({ ...first, crc32: crc32(JSON.stringify(first)) })
    await disk.writeFileDurably('IDENTITY', Buffer.from(`${line}\n`))
    await (await openAs(disk, {})).close()
  })

  it.each(['IDENTITY', 'EPOCH'])('refuses a damaged %s', async (path) => {
    const disk = await initialise(new MemoryDisk())
    const { length } = await disk.readFile(path)
    for (let at = 0; at < length - 1; at += 3) {
      disk.flipBit(path, at, 1)
      await expect(openStore(disk)).rejects.toMatchObject({ code: 'format-invalid' })
      disk.flipBit(path, at, 1)
    }
  })

  it('refuses a disk that has lost its EPOCH', async () => {
    const disk = await initialise(new MemoryDisk())
    await disk.unlink('EPOCH')
    await expect(openStore(disk)).rejects.toMatchObject({ code: 'format-invalid' })
  })
})

describe('the epoch', () => {
  it('is durable before it is obeyed, and never goes back', async () => {
    const memory = await initialise(new MemoryDisk())
    const { store } = await openStore(memory)
    expect(store.epoch).toBe(0)
    await store.checkEpoch(4)
    const { store: next } = await openStore(memory.crash())
    expect(next.epoch).toBe(4)
    await next.checkEpoch(4)
    await expect(next.checkEpoch(3)).rejects.toMatchObject({ code: 'stale-epoch' })
    await expect(next.raiseEpoch(3)).rejects.toMatchObject({ code: 'stale-epoch' })
    await next.close()
    await store.close().catch(() => undefined)
  })

  it('raised by two leaders at once ends at the higher one', async () => {
    const memory = await initialise(new MemoryDisk())
    const { store } = await openStore(memory)
    const results = await Promise.allSettled([store.raiseEpoch(8), store.raiseEpoch(7)])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(store.epoch).toBe(8)
    await store.close()
  })

  it('that could not be written is not obeyed', async () => {
    const faulty = new FaultyDisk(await initialise(new MemoryDisk()))
    const { store } = await openStore(faulty)
    faulty.fail({ kind: 'writeFileDurably', path: /EPOCH/, code: 'EIO' })
    await expect(store.checkEpoch(4)).rejects.toMatchObject({ code: 'disk-suspect' })
    expect(store.epoch).toBe(0)
    await store.close()
  })
})
