/**
 * Genesis and identity. IDENTITY and EPOCH are one line of JSON with a CRC-32 of the rest, so that
 * people can read them and nobody can misread them. IDENTITY is written last: a directory without
 * it is no disk of ours, and a running service never makes it one.
 */
import { crc32 } from 'node:zlib'
import {
  isKuraError,
  KuraError,
  parseCellId,
  parseDiskUuid,
  parseOsdId,
  parsePocketId,
  parseZoneId,
  randomUuid,
  type CellId,
  type Disk,
  type OsdId,
  type PocketId,
  type Random,
  type ZoneId,
} from '@kura/core'
import { systemCode } from './disk-failure.ts'
import {
  EPOCH_PATH,
  EXTENTS_DIRECTORY,
  IDENTITY_PATH,
  LOCK_PATH,
  QUARANTINE_DIRECTORY,
  SCRATCH_DIRECTORY,
  TRASH_DIRECTORY,
} from './disk-paths.ts'
import type { DiskIdentity } from './extent-report.ts'
import { FORMAT_VERSION } from './format.ts'

export interface ExpectedIdentity {
  readonly pocket: PocketId
  readonly zone: ZoneId
  readonly cellId: CellId
  readonly osdId: OsdId
}

/**
 * Makes an empty directory a disk of this storage node. Throws `already-initialised`, and
 * `state-conflict` where there are extents already. Durable: all of it.
 */
export async function initialiseDisk(
  disk: Disk,
  owner: ExpectedIdentity & { readonly random: Random },
): Promise<DiskIdentity> {
  const lock = await disk.lock(LOCK_PATH)
  try {
    await assertVirgin(disk)
    const identity: DiskIdentity = {
      formatVersion: FORMAT_VERSION,
      pocket: owner.pocket,
      zone: owner.zone,
      cellId: owner.cellId,
      osdId: owner.osdId,
      diskUuid: parseDiskUuid(randomUuid(owner.random)),
      isMountPoint: await disk.isMountPoint(),
    }
    const directories = [
      EXTENTS_DIRECTORY,
      SCRATCH_DIRECTORY,
      TRASH_DIRECTORY,
      QUARANTINE_DIRECTORY,
    ]
    for (const directory of directories) await disk.makeDirectory(directory)
    await disk.writeFileDurably(EPOCH_PATH, encodeLine({ epoch: 0 }))
    await disk.writeFileDurably(IDENTITY_PATH, encodeLine({ ...identity }))
    return identity
  } finally {
    await lock.release()
  }
}

async function assertVirgin(disk: Disk): Promise<void> {
  if ((await disk.stat(IDENTITY_PATH)) !== undefined) {
    throw new KuraError('already-initialised', 'the disk has an identity already')
  }
  const hasExtents = (await disk.stat(EXTENTS_DIRECTORY)) !== undefined
  if (hasExtents && (await disk.list(EXTENTS_DIRECTORY)).length > 0) {
    throw new KuraError('state-conflict', 'the disk has extents but no identity', {
      hint: 'Its IDENTITY was lost: restore it, or use an empty directory.',
    })
  }
}

/**
 * The identity of the disk. Throws `genesis-missing`, `format-invalid`, `format-too-new`, and
 * `identity-mismatch` when it is another's, or when no file system is mounted where one was at
 * genesis. Device numbers say nothing: the next boot may give them to other disks.
 */
export async function readIdentity(disk: Disk, expected: ExpectedIdentity): Promise<DiskIdentity> {
  const identity = parseIdentity(await readLine(disk, IDENTITY_PATH))
  for (const name of ['pocket', 'zone', 'cellId', 'osdId'] as const) {
    if (identity[name] === expected[name]) continue
    throw new KuraError('identity-mismatch', `the disk belongs to another ${name}`, {
      details: { found: identity[name], expected: expected[name] },
      hint: 'Check which disk is mounted where, and the settings of this storage node.',
    })
  }
  if (identity.isMountPoint && !(await disk.isMountPoint())) {
    throw new KuraError('identity-mismatch', 'the disk was a mount point and is none now', {
      details: { diskUuid: identity.diskUuid },
      hint: 'Mount the disk. A copy of its files on the file system below is not the disk.',
    })
  }
  return identity
}

function parseIdentity(fields: ReadonlyMap<string, unknown>): DiskIdentity {
  const formatVersion = integerOf(fields, 'formatVersion')
  if (formatVersion > FORMAT_VERSION) {
    throw new KuraError('format-too-new', 'the disk was written by a newer version', {
      details: { formatVersion, readerVersion: FORMAT_VERSION },
      hint: 'Run the version of Kura that wrote this disk, or a newer one.',
    })
  }
  return {
    formatVersion,
    pocket: parsePocketId(textOf(fields, 'pocket')),
    zone: parseZoneId(textOf(fields, 'zone')),
    cellId: parseCellId(integerOf(fields, 'cellId')),
    osdId: parseOsdId(integerOf(fields, 'osdId')),
    diskUuid: parseDiskUuid(textOf(fields, 'diskUuid')),
    // The first disks have a device number in its place, which says nothing after a restart.
    isMountPoint: fields.has('isMountPoint') && flagOf(fields, 'isMountPoint'),
  }
}

/** The highest epoch obeyed. A lost EPOCH is refused: a stale leader could be obeyed again. */
export async function readEpoch(disk: Disk): Promise<number> {
  try {
    return integerOf(await readLine(disk, EPOCH_PATH), 'epoch')
  } catch (error) {
    if (!isKuraError(error, 'genesis-missing')) throw error
    throw new KuraError('format-invalid', 'the disk has lost its EPOCH', { cause: error })
  }
}

export function encodeEpoch(epoch: number): Buffer {
  return encodeLine({ epoch })
}

function encodeLine(fields: Readonly<Record<string, string | number | boolean>>): Buffer {
  const crc = crc32(JSON.stringify(fields))
  return Buffer.from(`${JSON.stringify({ ...fields, crc32: crc })}\n`)
}

async function readLine(disk: Disk, path: string): Promise<ReadonlyMap<string, unknown>> {
  let text: string
  try {
    text = (await disk.readFile(path)).toString('utf8')
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    throw new KuraError('genesis-missing', `the disk has no ${path}`, {
      cause: error,
      hint: 'Run `storage-node init` once on an empty directory. Is the disk mounted?',
    })
  }
  const parsed = parseJson(text, path)
  const { crc32: crc, ...fields } = parsed
  if (crc !== crc32(JSON.stringify(fields))) {
    throw new KuraError('format-invalid', `${path} fails its CRC`)
  }
  return new Map(Object.entries(fields))
}

function parseJson(text: string, path: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed === 'object' && parsed !== null) return { ...parsed }
  } catch (error) {
    throw new KuraError('format-invalid', `${path} is not readable`, { cause: error })
  }
  throw new KuraError('format-invalid', `${path} is not readable`)
}

function integerOf(fields: ReadonlyMap<string, unknown>, name: string): number {
  const value = fields.get(name)
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new KuraError('format-invalid', `${name} is missing or no integer`)
}

function flagOf(fields: ReadonlyMap<string, unknown>, name: string): boolean {
  const value = fields.get(name)
  if (typeof value === 'boolean') return value
  throw new KuraError('format-invalid', `${name} is missing or neither true nor false`)
}

function textOf(fields: ReadonlyMap<string, unknown>, name: string): string {
  const value = fields.get(name)
  if (typeof value === 'string') return value
  throw new KuraError('format-invalid', `${name} is missing or no text`)
}
