import type { MemoryDisk } from '@kura/testkit'
import { beforeAll, describe, expect, test } from 'vitest'
import type { PlannedFault } from '../plan/plan.ts'
import { checkEnd, findViolation, type EndOfLife } from './check-end.ts'
import type { EndViolation } from './end-violation.ts'
import { changed, liveSmallLife, type SmallLife } from './testing/small-life.ts'
import { readHoldings, type HoldingsSource, type ZoneHoldings } from './zone-holdings.ts'

const PAGE_BYTES = 4096

let life: SmallLife
let sound: ZoneHoldings

beforeAll(async () => {
  life = await liveSmallLife()
  sound = await readHoldings(life.copy())
})

async function judge(source: HoldingsSource): Promise<EndViolation | undefined> {
  return findViolation(await readHoldings(source))
}

/** A copy in force, with the disk that has it. */
function copyOf(
  state: 'open' | 'closed',
  source: HoldingsSource,
): {
  readonly path: string
  readonly node: number
  readonly image: MemoryDisk
  readonly id: number
} {
  const used = new Set(sound.rows.map(({ bucketId }) => bucketId))
  const volume = sound.volumes.find((one) => one.state === state && used.has(one.bucketId))
  const copy = volume?.copies.find((one) => one.state === 'in-force')
  const disk = sound.disks.find(({ diskUuid }) => diskUuid === copy?.diskUuid)
  const image = source.disks.get(disk?.node ?? 0)?.image
  if (copy === undefined || disk === undefined || image === undefined) throw new Error('no copy')
  const id = copy.extentId
  return { path: `extents/${id}.extent`, node: disk.node, image, id }
}

describe('what a zone holds at its end', () => {
  test('a life without faults leaves open and closed volumes, whole', () => {
    const states = new Set(sound.volumes.map(({ state }) => state))
    expect(states).toEqual(new Set(['open', 'closed']))
    expect(sound.rows.length).toBeGreaterThan(20)
    const extents = sound.disks.flatMap((disk) => [...disk.extents.values()])
    expect(extents.length).toBe(3 * sound.volumes.length)
    expect(findViolation(sound)).toBeUndefined()
  })

  test.each(['open', 'closed'] as const)(
    'a bit that turned in an %s copy is seen',
    async (state) => {
      const source = life.copy()
      const { path, image, node } = copyOf(state, source)
      image.flipBit(path, PAGE_BYTES + 300)
      expect(await judge(source)).toMatchObject({
        kind: expect.stringMatching(/^damage$|^replicas$/) as string,
        message: expect.stringContaining(`at node ${node}`) as string,
      })
    },
  )

  test('a copy under the name of another one is seen', async () => {
    const source = life.copy()
    const { path, image } = copyOf('closed', source)
    const other = sound.disks
      .flatMap(({ extents }) => [...extents])
      .find(([id, { check }]) => check.state === 'sealed' && !path.includes(String(id)))
    const [otherId] = other ?? []
    const page = [...source.disks.values()]
      .map((disk) => disk.image)
      .find((each) => each.filePaths().includes(`extents/${otherId}.extent`))
      ?.directContent(`extents/${otherId}.extent`)
      .subarray(0, PAGE_BYTES)
    image.damage(path, page ?? Buffer.alloc(0), 0)
    expect(await judge(source)).toMatchObject({ kind: 'damage' })
  })

  test.each(['open', 'closed'] as const)('an %s copy that is gone is seen', async (state) => {
    const source = life.copy()
    const { path, image, node } = copyOf(state, source)
    await image.unlink(path)
    const message = expect.stringMatching(new RegExp(`at node ${node}: it is not there`)) as string
    expect(await judge(source)).toMatchObject({ kind: 'replicas', message })
  })

  test('a block that one open copy lacks is seen', async () => {
    const source = life.copy()
    const { path, image } = copyOf('open', source)
    const sizeBytes = image.directContent(path).length
    image.damage(path, Buffer.alloc(sizeBytes - PAGE_BYTES), PAGE_BYTES)
    const message = expect.stringContaining('has no whole record') as string
    expect(await judge(source)).toMatchObject({ kind: 'replicas', message })
  })

  test.each([
    ['a row of a bucket that is not there', 'update blocks set bucket_id = 987654321', 'no bucket'],
    ['a row of other bytes', 'update blocks set size_bytes = size_bytes + 1', 'differs from'],
    ['a row of a block nobody has', `update blocks set hash = randomblob(32)`, 'no whole record'],
  ])('%s is seen', async (_, sql, words) => {
    const source = life.copy()
    const row = '(select hash from blocks order by hash limit 1)'
    const indexImage = changed(source.indexImage, `${sql} where hash = ${row}`)
    const message = expect.stringContaining(words) as string
    expect(await judge({ ...source, indexImage })).toMatchObject({ kind: 'replicas', message })
  })

  test.each([
    ['a copy that is not in force', `update extents set state = 'retired'`, '2 copies'],
    ['a copy of another length', 'update extents set length_bytes = length_bytes + 4096', 'bytes'],
    ['two copies on one disk', 'update extents set disk_uuid = DISK', 'on one disk'],
  ])('%s is seen', async (_, sql, words) => {
    const source = life.copy()
    const { id } = copyOf('closed', source)
    const own = `(select volume_id from extents where extent_id = ${id})`
    const others = `from extents where volume_id = ${own} and extent_id <> ${id}`
    const other = `(select disk_uuid ${others} limit 1)`
    const change = `${sql.replace('DISK', other)} where extent_id = ${id}`
    const tableImage = changed(source.tableImage, change)
    const found = findViolation(await readHoldings({ ...source, tableImage }))
    expect(found?.message).toContain(words)
  })

  test('a digest and a number of records that no copy has are seen', async () => {
    const source = life.copy()
    const digest = changed(source.tableImage, `update volumes set digest = '${'0'.repeat(64)}'`)
    expect((await judge({ ...source, tableImage: digest }))?.message).toContain('its digest is')
    const count = changed(source.tableImage, 'update volumes set record_count = record_count + 1')
    expect((await judge({ ...source, tableImage: count }))?.message).toContain('records')
  })

  test('racks that new copies share are seen', async () => {
    const source = life.copy()
    const tableImage = changed(
      source.tableImage,
      `update disks set rack = 'one' where disk_uuid in (
         select disk_uuid from extents join volumes using (volume_id)
         where volumes.state = 'open' order by extent_id limit 2)`,
    )
    expect((await judge({ ...source, tableImage }))?.message).toContain('in the racks')
  })

  test('a disk whose identity has rotted is still known by its extents', async () => {
    const source = life.copy()
    const { image, node } = copyOf('closed', source)
    image.flipBit('IDENTITY', 20)
    const { disks } = await readHoldings(source)
    const uuidAt = (all: ZoneHoldings['disks']): string | undefined =>
      all.find((disk) => disk.node === node)?.diskUuid
    expect(uuidAt(disks)).toBeDefined()
    expect(uuidAt(disks)).toBe(uuidAt(sound.disks))
  })

  test('a file that nobody knows of, and bytes in use by no file, are seen', async () => {
    const strange = life.copy()
    const image = strange.disks.get(1)?.image
    await image?.create('extents/77.extent', { allocateBytes: PAGE_BYTES, direct: false })
    const message = expect.stringContaining('nobody knows of extents/77.extent') as string
    expect(await judge(strange)).toMatchObject({ kind: 'bytes', message })

    const linked = life.copy()
    const { path, image: other } = copyOf('closed', linked)
    await other.link(path, 'trash/twice')
    expect(await judge(linked)).toMatchObject({ kind: 'bytes' })
  })
})

describe('a disk that a fault has destroyed', () => {
  const rot = (node: number): PlannedFault => {
    return { id: 1, atMs: 0, kind: 'disk', node, fault: { kind: 'rot', bits: 1 } }
  }

  /** A zone in which nothing happens any more, but for a scrubber. */
  function endOf(
    source: HoldingsSource,
    options: { readonly faultAt: number; readonly isScrubbed: boolean },
  ): EndOfLife & { readonly seconds: () => number; readonly events: readonly string[] } {
    let seconds = 0
    const events: string[] = []
    const passes = (): number => (options.isScrubbed ? Math.floor(seconds / 3) : 0)
    const name = `storage-node-${options.faultAt}`
    const samples = () => [{ name: 'passes', labels: '', value: passes() }]
    return {
      plan: { faults: [rot(options.faultAt)] },
      metrics: { living: [{ name, samples }] },
      callCount: () => 0,
      connections: () => new Map(),
      note: (event) => events.push(event),
      source: () => source,
      settle: () => Promise.resolve(true),
      live: (forMs) => {
        seconds += forMs / 1000
        return Promise.resolve(true)
      },
      seconds: () => seconds,
      events,
    }
  }

  test('is excused while no scrubber has been over it', async () => {
    const source = life.copy()
    const { path, image, node } = copyOf('closed', source)
    image.flipBit(path, PAGE_BYTES + 300)
    const end = endOf(source, { faultAt: node, isScrubbed: false })
    expect(await checkEnd(end)).toBeUndefined()
    expect(end.events).toEqual(['excused'])
  })

  test('is repaired once a scrubber has been over it', async () => {
    const source = life.copy()
    const { path, image, node } = copyOf('closed', source)
    image.flipBit(path, PAGE_BYTES + 300)
    const end = endOf(source, { faultAt: node, isScrubbed: true })
    expect(await checkEnd(end)).toMatchObject({ kind: 'damage' })
    expect(end.seconds()).toBeGreaterThan(6)
  })

  test('excuses no other disk, and nobody waits', async () => {
    const source = life.copy()
    const { path, image, node } = copyOf('closed', source)
    image.flipBit(path, PAGE_BYTES + 300)
    const end = endOf(source, { faultAt: node + 1, isScrubbed: true })
    expect(await checkEnd(end)).toMatchObject({ kind: 'damage' })
    expect(end.seconds()).toBe(0)
  })
})
