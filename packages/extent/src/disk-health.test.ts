import { KIB, MIB, parseExtentId } from '@kura/core'
import { FaultyDisk, MemoryDisk } from '@kura/testkit'
import { describe, expect, it } from 'vitest'
import {
  append,
  EXTENT,
  expectBlocks,
  initialise,
  openStore,
  randomBlock,
  read,
  recordOf,
  specOf,
} from './store-fixture.ts'

const OTHER = parseExtentId(43)

async function open() {
  const memory = await initialise(new MemoryDisk())
  const faulty = new FaultyDisk(memory)
  const opened = await openStore(faulty)
  await opened.store.createExtent(specOf())
  await opened.store.createExtent(specOf({ extentId: OTHER }))
  return { memory, faulty, ...opened }
}

describe('after a failed sync', () => {
  it('nothing more is acknowledged in this process, on any extent', async () => {
    const { faulty, store, events } = await open()
    const kept = randomBlock(0, 5000)
    await append(store, kept, OTHER)
    faulty.fail({ kind: 'file.sync', path: /42/, code: 'EIO' })
    await expect(append(store, randomBlock(1, 100))).rejects.toMatchObject({ code: 'disk-suspect' })
    expect(store.suspect).toBe(true)
    expect(events).toContainEqual(expect.objectContaining({ kind: 'suspect' }))
    const refused = [
      append(store, randomBlock(2, 100), OTHER),
      store.createExtent(specOf({ extentId: parseExtentId(44) })),
      store.freeze(OTHER),
      store.raiseEpoch(9),
      store.probe(),
      store.beginBuild(specOf({ extentId: parseExtentId(45) })),
    ]
    for (const one of refused) await expect(one).rejects.toMatchObject({ code: 'disk-suspect' })
    await expectBlocks(store, [kept], OTHER)
    await store.close()
  })

  it('an append is not acknowledged after its own sync when another failed meanwhile', async () => {
    const { faulty, store } = await open()
    const held = faulty.hold({ kind: 'file.sync', path: /43/ })
    const late = append(store, randomBlock(0, 100), OTHER)
    await held.reached
    faulty.fail({ kind: 'file.sync', path: /42/, code: 'EIO' })
    await expect(append(store, randomBlock(1, 100))).rejects.toMatchObject({ code: 'disk-suspect' })
    held.release()
    await expect(late).rejects.toMatchObject({ code: 'disk-suspect' })
    await store.close()
  })

  it('a restart does not forget it; reading everything from media does', async () => {
    const { memory, faulty, store } = await open()
    const block = randomBlock(0, 5000)
    await append(store, block)
    faulty.fail({ kind: 'file.sync', path: /43/, code: 'EIO' })
    const lost = append(store, randomBlock(1, 100), OTHER)
    await expect(lost).rejects.toMatchObject({ code: 'disk-suspect' })
    expect((await store.verifyFromMedia()).damages).toEqual([])
    expect(store.suspect).toBe(true)
    // That verification lifted the durable mark, but this process saw the failure itself.
    await store.close()
    const next = await openStore(memory.restart())
    expect(next.store.suspect).toBe(false)
    await next.store.close()
  })

  it('its mark is durable; under it a start answers reads alone, until verified', async () => {
    const { memory, faulty, store } = await open()
    const block = randomBlock(0, 5000)
    await append(store, block)
    faulty.fail({ kind: 'file.sync', path: /43/, code: 'EIO' })
    await append(store, randomBlock(1, 100), OTHER).catch(() => undefined)
    await store.close()
    const crashed = memory.crash()
    const { store: next } = await openStore(crashed)
    expect(next.suspect).toBe(true)
    await expectBlocks(next, [block])
    const refused = next.createExtent(specOf({ extentId: parseExtentId(44) }))
    await expect(refused).rejects.toMatchObject({ code: 'disk-suspect' })
    const verification = await next.verifyFromMedia()
    expect(verification).toMatchObject({ extentsRead: 2, damages: [] })
    expect(verification.bytesRead).toBeGreaterThan(3 * 4096)
    expect(next.suspect).toBe(false)
    await next.createExtent(specOf({ extentId: parseExtentId(44) }))
    await next.close()
    const last = await openStore(crashed.crash())
    expect(last.store.suspect).toBe(false)
    await last.store.close()
  })

  it('a mark that cannot be removed keeps the disk suspect, and the error is one of ours', async () => {
    const { memory, faulty, store } = await open()
    faulty.fail({ kind: 'file.sync', path: /43/, code: 'EIO' })
    await append(store, randomBlock(1, 100), OTHER).catch(() => undefined)
    await store.close()
    const sick = new FaultyDisk(memory.restart())
    const { store: next } = await openStore(sick)
    sick.fail({ kind: 'unlink', path: /SUSPECT/, code: 'EROFS' })
    await expect(next.verifyFromMedia()).rejects.toMatchObject({ code: 'disk-error' })
    expect(next.suspect).toBe(true)
    await next.verifyFromMedia()
    expect(next.suspect).toBe(false)
    await next.close()
  })

  it('damage on the media keeps the disk suspect', async () => {
    const { memory, faulty, store } = await open()
    const offsetBytes = await append(store, randomBlock(0, 5000))
    faulty.fail({ kind: 'file.sync', path: /43/, code: 'EIO' })
    await append(store, randomBlock(1, 100), OTHER).catch(() => undefined)
    await store.close()
    const next = await openStore(memory.restart())
    memoryFlip(memory, offsetBytes + 4096)
    expect((await next.store.verifyFromMedia()).damages).toHaveLength(1)
    expect(next.store.suspect).toBe(true)
    await next.store.close()
  })

  it('a sync that fails while everything is read is not forgiven by that reading', async () => {
    const { memory, faulty, store } = await open()
    await append(store, randomBlock(0, 5000))
    const held = faulty.hold({ kind: 'file.read', path: /42/ })
    const verifying = store.verifyFromMedia()
    await held.reached
    faulty.fail({ kind: 'file.sync', path: /43/, code: 'EIO' })
    await append(store, randomBlock(1, 100), OTHER).catch(() => undefined)
    held.release()
    expect((await verifying).damages).toEqual([])
    expect(store.suspect).toBe(true)
    await store.close()
    const next = await openStore(memory.crash())
    expect(next.store.suspect).toBe(true)
    await next.store.close()
  })

  it('a sync that fails while the mark is being removed brings the mark back', async () => {
    const { memory, faulty, store } = await open()
    const heldSync = faulty.hold({ kind: 'file.sync', path: /42/ })
    faulty.fail({ kind: 'file.sync', path: /42/, code: 'EIO' })
    const late = append(store, randomBlock(0, 100))
    await heldSync.reached
    faulty.fail({ kind: 'file.sync', path: /43/, code: 'EIO' })
    await append(store, randomBlock(1, 100), OTHER).catch(() => undefined)
    const heldUnlink = faulty.hold({ kind: 'unlink', path: /SUSPECT/ })
    const verifying = store.verifyFromMedia()
    await heldUnlink.reached
    heldSync.release()
    await expect(late).rejects.toMatchObject({ code: 'disk-suspect' })
    heldUnlink.release()
    await verifying
    await store.close()
    const next = await openStore(memory.crash())
    expect(next.store.suspect).toBe(true)
    await next.store.close()
  })

  it('an extent that cannot be opened keeps the disk suspect, and is among the damages', async () => {
    const { memory, faulty, store } = await open()
    await append(store, randomBlock(0, 5000))
    faulty.fail({ kind: 'file.sync', path: /43/, code: 'EIO' })
    await append(store, randomBlock(1, 100), OTHER).catch(() => undefined)
    await store.close()
    const sick = new FaultyDisk(memory.crash())
    sick.fail({ kind: 'open', path: /42\.extent/, code: 'EIO', lasts: 'for-ever' })
    const next = await openStore(sick)
    const damage = { extentId: EXTENT, part: 'page-0', offsetBytes: 0 }
    expect(next.events).toContainEqual({ kind: 'damage', source: 'start', damage })
    expect(next.store.reports().map(({ extentId }) => extentId)).toEqual([OTHER])
    const verification = await next.store.verifyFromMedia()
    expect(verification).toMatchObject({ extentsRead: 1, damages: [damage] })
    expect(next.store.suspect).toBe(true)
    await next.store.close()
  })

  it('recovery under a sync that fails again still serves what the medium holds', async () => {
    const { memory, store } = await open()
    const block = randomBlock(0, 5000)
    await append(store, block)
    const faulty = new FaultyDisk(memory.crash())
    faulty.fail({ kind: 'file.sync', code: 'EIO', lasts: 'for-ever' })
    const next = await openStore(faulty)
    expect(next.store.suspect).toBe(true)
    await expectBlocks(next.store, [block])
    await next.store.close()
    await store.close()
  })
})

describe('the page cache', () => {
  /** A disk that tells which opens were direct and whose buffered reads may lie. */
  function watch(memory: MemoryDisk, options: { readonly cacheLies: boolean }) {
    const opened: { path: string; direct: boolean }[] = []
    const disk = new FaultyDisk(memory)
    const open = disk.open.bind(disk)
    disk.open = async (path, how) => {
      opened.push({ path, direct: how.direct })
      const file = await open(path, how)
      if (how.direct || !options.cacheLies) return file
      return {
        ...file,
        read: async (target, offsetBytes) => {
          const readBytes = await file.read(target, offsetBytes)
          target.fill(0)
          return readBytes
        },
      }
    }
    return { disk, opened }
  }

  it('is passed by recovery, verification and the scrubber', async () => {
    const { memory, store } = await open()
    await append(store, randomBlock(0, 5000))
    await store.close()
    const { disk, opened } = watch(memory.restart(), { cacheLies: false })
    const next = await openStore(disk)
    await next.store.verifyFromMedia()
    await next.store.scrubber().step(1e9)
    expect(opened.length).toBeGreaterThan(1)
    expect(opened.filter(({ direct }) => !direct)).toEqual([])
    await next.store.close()
  })

  it('is passed by a read that wants the medium', async () => {
    const { memory, store } = await open()
    const block = randomBlock(0, 5000)
    await append(store, block)
    await store.close()
    const { disk, opened } = watch(memory.restart(), { cacheLies: true })
    const next = await openStore(disk)
    const bytes = await read(next.store, block.hash, undefined, { fromMedium: true })
    expect(bytes.equals(block.bytes)).toBe(true)
    expect(opened.filter(({ direct }) => !direct)).toEqual([])
    await next.store.close()
  })

  it('is believed by nobody when it shows damage: the medium is asked first', async () => {
    const { memory, store } = await open()
    const block = randomBlock(0, 5000)
    await append(store, block)
    await store.close()
    const { disk } = watch(memory.restart(), { cacheLies: true })
    const next = await openStore(disk)
    await expectBlocks(next.store, [block])
    expect(next.events.filter(({ kind }) => kind === 'damage')).toEqual([])
    await next.store.close()
  })

  it('a read that neither way can serve is a disk error, not a damaged record', async () => {
    const { faulty, store } = await open()
    const block = randomBlock(0, 5000)
    await append(store, block)
    faulty.fail({ kind: 'file.read', path: /42/, code: 'EIO', lasts: 'for-ever' })
    await expect(read(store, block.hash)).rejects.toMatchObject({ code: 'disk-error' })
    await store.close()
  })
})

/** Rot does not ask which process has the disk. */
function memoryFlip(memory: MemoryDisk, offsetBytes: number): void {
  memory.flipBit('extents/42.extent', offsetBytes)
}

describe('after a failed write', () => {
  it('this extent takes nothing more and is frozen; the others go on', async () => {
    const { faulty, store, events } = await open()
    const kept = randomBlock(0, 5000)
    await append(store, kept)
    faulty.fail({ kind: 'file.write', path: /42/, code: 'EIO' })
    await expect(append(store, randomBlock(1, 100))).rejects.toMatchObject({ code: 'disk-error' })
    const late = append(store, randomBlock(2, 100))
    await expect(late).rejects.toMatchObject({ code: 'extent-frozen' })
    expect(await store.freeze(EXTENT)).toMatchObject({ recordCount: 1, canComplete: false })
    expect(events).toContainEqual(expect.objectContaining({ kind: 'frozen', extentId: EXTENT }))
    expect(store.suspect).toBe(false)
    await append(store, randomBlock(3, 100), OTHER)
    const record = await recordOf(randomBlock(4, 100))
    const completing = store.completeAppend(EXTENT, record, { epoch: 1 })
    await expect(completing).rejects.toMatchObject({ code: 'state-conflict' })
    record.slab.release()
    await expectBlocks(store, [kept])
    const { digest } = store.report(EXTENT)
    await store.seal(EXTENT, digest)
    expect(await store.verifyFromMedia()).toMatchObject({ damages: [] })
    await store.close()
  })

  it('a disk that is full says so', async () => {
    const { faulty, store } = await open()
    faulty.fail({ kind: 'create', code: 'ENOSPC' })
    const created = store.createExtent(specOf({ extentId: parseExtentId(44) }))
    await expect(created).rejects.toMatchObject({ code: 'disk-full' })
    expect(store.suspect).toBe(false)
    await store.close()
  })
})

describe('the ladder of a filling disk', () => {
  it('warns at 85 %, takes no new extents at 90 %, and refuses writes at 95 %', async () => {
    const { faulty, store } = await open()
    const fill = async (usedPercent: number): Promise<void> => {
      faulty.pretendSpace({ totalBytes: 100 * MIB, freeBytes: (100 - usedPercent) * MIB })
      await store.space()
    }
    await fill(84)
    expect(store.fullness()).toBe('ok')
    await fill(85)
    expect(store.fullness()).toBe('warn')
    await store.createExtent(specOf({ extentId: parseExtentId(44) }))
    await fill(90)
    expect(store.fullness()).toBe('no-new-extents')
    const refused = store.createExtent(specOf({ extentId: parseExtentId(45) }))
    await expect(refused).rejects.toMatchObject({ code: 'disk-full' })
    const kept = randomBlock(0, 10 * KIB)
    await append(store, kept)
    await fill(95)
    expect(store.fullness()).toBe('no-writes')
    await expect(append(store, randomBlock(1, 100))).rejects.toMatchObject({ code: 'disk-full' })
    await expectBlocks(store, [kept])
    const { digest } = await store.freeze(EXTENT)
    expect(await store.seal(EXTENT, digest)).toMatchObject({ state: 'sealed' })
    await fill(80)
    await append(store, randomBlock(2, 100), OTHER)
    await store.close()
  })
})

describe('a probe', () => {
  it('that meets another one shares its answer and casts no suspicion', async () => {
    const { faulty, store } = await open()
    const before = faulty.count('writeFileDurably')
    await Promise.all([store.probe(), store.probe(), store.probe()])
    expect(faulty.count('writeFileDurably') - before).toBe(1)
    expect(store.suspect).toBe(false)
    await store.close()
  })
})
