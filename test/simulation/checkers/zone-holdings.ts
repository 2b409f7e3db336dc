/**
 * What a simulated zone holds at one moment, read from the media alone: the databases as the next
 * process would find them, and the raw disks through the independent checker of extents. No code
 * that wrote any of it is asked, and nothing happens in the zone meanwhile.
 */
import Database from 'better-sqlite3'
import { crc32 } from 'node:zlib'
import { isKuraError, PAGE_SIZE_BYTES } from '@kura/core'
import {
  checkExtent,
  decodePageZero,
  type ExtentCheck,
  type PageZero,
  type ReadableExtent,
} from '@kura/extent-check'
import type { MemoryDisk } from '@kura/testkit'

/** A block that the index says is there. */
export interface LiveRow {
  /** 64 hex digits. */
  readonly hash: string
  readonly bucketId: number
  readonly sizeBytes: number
  readonly crc: number
}

export interface HeldVolume {
  readonly volumeId: number
  readonly bucketId: number
  readonly state: string
  readonly digest: string
  readonly recordCount: number
  readonly copies: readonly HeldCopy[]
}

/** A copy in the replication table, whatever has become of it. */
export interface HeldCopy {
  readonly extentId: number
  readonly volumeId: number
  readonly diskUuid: string
  readonly state: string
  readonly lengthBytes: number
}

export interface HeldRecord {
  readonly sizeBytes: number
  readonly crc: number
}

export interface HeldExtent {
  readonly check: ExtentCheck
  /** Records whose header, CRC and SHA-256 are right, by hash. */
  readonly records: ReadonlyMap<string, HeldRecord>
}

export interface HeldFile {
  readonly path: string
  readonly allocatedBytes: number
}

export interface HeldDisk {
  /** The number of the node in which it is. */
  readonly node: number
  /** Undefined where it is no disk of ours. */
  readonly diskUuid: string | undefined
  readonly totalBytes: number
  readonly freeBytes: number
  readonly files: readonly HeldFile[]
  /** By id, those that are in force. */
  readonly extents: ReadonlyMap<number, HeldExtent>
}

export interface ZoneHoldings {
  readonly rows: readonly LiveRow[]
  readonly volumes: readonly HeldVolume[]
  /** By the UUID of the disk. */
  readonly racks: ReadonlyMap<string, string>
  readonly disks: readonly HeldDisk[]
}

export interface HoldingsSource {
  readonly indexImage: Buffer
  readonly tableImage: Buffer
  /** By the number of the node. */
  readonly disks: ReadonlyMap<number, { readonly image: MemoryDisk }>
}

const IDENTITY_PATH = 'IDENTITY'

interface TableImage {
  readonly volumes: readonly HeldVolume[]
  readonly racks: ReadonlyMap<string, string>
}

export async function readHoldings(source: HoldingsSource): Promise<ZoneHoldings> {
  const { volumes, racks } = withImage(source.tableImage, readTable)
  const inForce = new Map(
    volumes
      .filter(({ state }) => state === 'open' || state === 'closed')
      .flatMap(({ copies }) => copies.filter(({ state }) => state === 'in-force'))
      .map((copy) => [copy.extentId, copy]),
  )
  const reader = new ExtentReader(inForce)
  const disks: HeldDisk[] = []
  for (const [node, { image }] of source.disks) disks.push(await readDisk(node, image, reader))
  return { rows: withImage(source.indexImage, readRows), volumes, racks, disks }
}

/** Volumes between two states: nothing can be said about their copies. */
export function countUnsettled(tableImage: Buffer): number {
  return withImage(tableImage, (database) => {
    const { count } = database
      .prepare<[], { count: number }>(
        `select count(*) as count from volumes
         where state = 'closing' or (state = 'closed' and copies_in_force < 3)`,
      )
      .get() ?? { count: 0 }
    return count
  })
}

function withImage<T>(image: Buffer, read: (database: Database.Database) => T): T {
  const database = new Database(image)
  try {
    return read(database)
  } finally {
    database.close()
  }
}

function readRows(database: Database.Database): readonly LiveRow[] {
  return database
    .prepare<[], LiveRow>(
      `select lower(hex(hash)) as hash, bucket_id as bucketId, size_bytes as sizeBytes,
         plain_crc as crc
       from blocks where last_put_ms > deleted_up_to_ms order by hash`,
    )
    .all()
}

function readTable(database: Database.Database): TableImage {
  const disks = database.prepare<[], { uuid: string; rack: string }>(
    'select disk_uuid as uuid, rack from disks',
  )
  const volumes = database.prepare<[], Omit<HeldVolume, 'copies'>>(
    `select volume_id as volumeId, bucket_id as bucketId, state, digest,
       record_count as recordCount
     from volumes order by volume_id`,
  )
  const extents = database.prepare<[], HeldCopy>(
    `select extent_id as extentId, volume_id as volumeId, disk_uuid as diskUuid, state,
       length_bytes as lengthBytes
     from extents order by extent_id`,
  )
  const byVolume = Map.groupBy(extents.all(), ({ volumeId }) => volumeId)
  return {
    racks: new Map(disks.all().map(({ uuid, rack }) => [uuid, rack])),
    volumes: volumes.all().map((row) => ({ ...row, copies: byVolume.get(row.volumeId) ?? [] })),
  }
}

async function readDisk(node: number, image: MemoryDisk, reader: ExtentReader): Promise<HeldDisk> {
  const files: HeldFile[] = []
  const extents = new Map<number, HeldExtent>()
  for (const path of image.filePaths()) {
    const stat = await image.stat(path)
    // A power cut may leave a published extent its name in scratch: its bytes count once.
    const published = path.replace(/^scratch\//, 'extents/')
    const isCounted = files.some(
      (file) => file.path === published && image.isLinked(path, published),
    )
    files.push({ path, allocatedBytes: isCounted ? 0 : (stat?.allocatedBytes ?? 0) })
    const extentId = extentIdOfPath(path)
    if (extentId === undefined || reader.copy(extentId) === undefined) continue
    extents.set(extentId, await reader.read(extentId, image.directContent(path)))
  }
  const { totalBytes, freeBytes } = await image.space()
  const diskUuid = await readDiskUuid(image, [...extents.keys()], reader)
  return { node, diskUuid, totalBytes, freeBytes, files, extents }
}

/** The number in the name of an extent; undefined for every other file. */
function extentIdOfPath(path: string): number | undefined {
  const match = /^extents\/([1-9][0-9]*)\.extent$/.exec(path)
  return match?.[1] === undefined ? undefined : Number(match[1])
}

/**
 * The checker is asked once for all copies of a volume that are equal behind page 0, which alone
 * differs between them; what page 0 says is compared for each.
 */
class ExtentReader {
  readonly #inForce: ReadonlyMap<number, HeldCopy>
  /** By volume, the first copy that was met. */
  readonly #first = new Map<number, { readonly content: Buffer; readonly held: HeldExtent }>()

  /** `inForce`: by the id of the extent. */
  constructor(inForce: ReadonlyMap<number, HeldCopy>) {
    this.#inForce = inForce
  }

  copy(extentId: number): HeldCopy | undefined {
    return this.#inForce.get(extentId)
  }

  async read(extentId: number, content: Buffer): Promise<HeldExtent> {
    const volumeId = this.#inForce.get(extentId)?.volumeId ?? 0
    const first = this.#first.get(volumeId)
    const pageZero = first && tryPageZero(content)
    if (first !== undefined && pageZero !== undefined && isSameExtent(first, content, pageZero)) {
      return { ...first.held, check: { ...first.held.check, pageZero } }
    }
    const held = await checkContent(content)
    if (first === undefined) this.#first.set(volumeId, { content, held })
    return held
  }
}

function tryPageZero(content: Buffer): PageZero | undefined {
  try {
    return decodePageZero(content.subarray(0, PAGE_SIZE_BYTES))
  } catch (error) {
    if (isKuraError(error, 'format-invalid', 'format-too-new')) return undefined
    throw error
  }
}

/** Whether the checker would find the same: it compares these words of page 0 with what follows. */
function isSameExtent(
  first: { readonly content: Buffer; readonly held: HeldExtent },
  content: Buffer,
  page: PageZero,
): boolean {
  const firstPage = first.held.check.pageZero
  return (
    firstPage?.salt === page.salt &&
    firstPage.bucketId === page.bucketId &&
    firstPage.capacityBytes === page.capacityBytes &&
    first.content.subarray(PAGE_SIZE_BYTES).equals(content.subarray(PAGE_SIZE_BYTES))
  )
}

async function checkContent(content: Buffer): Promise<HeldExtent> {
  const records = new Map<string, HeldRecord>()
  const file: ReadableExtent = {
    sizeBytes: content.length,
    read: async (target, offsetBytes) => {
      target.set(content.subarray(offsetBytes, offsetBytes + target.length))
      return await Promise.resolve(Math.min(target.length, content.length - offsetBytes))
    },
  }
  const check = await checkExtent(file, {
    onRecord: ({ hash, sizeBytes, crc }, faults) => {
      if (faults.length === 0) records.set(hash, { sizeBytes, crc })
    },
  })
  return { check, records }
}

/**
 * The identity of the disk. Where rot has hit that, the table says for which disk it had the
 * extents made that are there: no two disks ever have the same.
 */
async function readDiskUuid(
  image: MemoryDisk,
  extentIds: readonly number[],
  reader: ExtentReader,
): Promise<string | undefined> {
  if ((await image.stat(IDENTITY_PATH)) !== undefined) {
    const uuid = parseIdentity((await image.readFile(IDENTITY_PATH)).toString())
    if (uuid !== undefined) return uuid
  }
  return extentIds.map((id) => reader.copy(id)?.diskUuid).find((uuid) => uuid !== undefined)
}

function parseIdentity(line: string): string | undefined {
  const match = /^\{.*"diskUuid":"([^"]*)".*(,"crc32":(\d+))\}\n$/.exec(line)
  const [, uuid, checked, crc] = match ?? []
  if (uuid === undefined || checked === undefined) return undefined
  return crc32(line.slice(0, -2).replace(checked, '') + '}') === Number(crc) ? uuid : undefined
}
