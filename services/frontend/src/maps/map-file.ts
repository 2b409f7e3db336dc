/**
 * One map on disk: magic (8 bytes), format version (u32), length of the message (u32), CRC-32 of
 * the message (u32), message. Little-endian. A cache: one that is damaged, or of another format
 * version, counts as missing.
 */
import { mkdir, open, rename, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { KuraError } from '@kura/core'
import { MAP_FILE_BYTES_MAX } from '../limits.ts'

const MAGIC = Buffer.from('KURAMAP\n', 'latin1')
const FORMAT_VERSION = 1
const HEAD_BYTES = 20

/** The port to where the maps are kept. Production has `mapFiles`. */
export interface MapFiles {
  read(path: string): Promise<Uint8Array | undefined>
  write(path: string, message: Uint8Array): Promise<void>
}

export const mapFiles: MapFiles = { read: readMapFile, write: writeMapFile }

/** Undefined where there is no file. Throws `format-invalid` and `format-too-new`. */
export async function readMapFile(path: string): Promise<Uint8Array | undefined> {
  const bytes = await readIfThere(path)
  return bytes === undefined ? undefined : decodeMapFile(bytes)
}

/** Durable: bytes and directory entry. Replaces what was there in one step. */
export async function writeMapFile(path: string, message: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeAndSync(`${path}.new`, encodeMapFile(message))
  await rename(`${path}.new`, path)
  await syncDirectory(dirname(path))
}

/** Head and message. */
export function encodeMapFile(message: Uint8Array): readonly Uint8Array[] {
  const head = Buffer.alloc(HEAD_BYTES)
  MAGIC.copy(head)
  head.writeUInt32LE(FORMAT_VERSION, 8)
  head.writeUInt32LE(message.length, 12)
  head.writeUInt32LE(crc32(message), 16)
  return [head, message]
}

export function decodeMapFile(bytes: Buffer): Uint8Array {
  if (bytes.length < HEAD_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new KuraError('format-invalid', 'not a map file')
  }
  const formatVersion = bytes.readUInt32LE(8)
  if (formatVersion !== FORMAT_VERSION) {
    throw new KuraError('format-too-new', 'a map file of another version', {
      details: { formatVersion },
    })
  }
  const message = bytes.subarray(HEAD_BYTES)
  if (message.length !== bytes.readUInt32LE(12) || crc32(message) !== bytes.readUInt32LE(16)) {
    throw new KuraError('format-invalid', 'a map file fails its checksum')
  }
  return message
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    const { size } = await file.stat()
    if (size <= MAP_FILE_BYTES_MAX) return await file.readFile()
    throw new KuraError('format-invalid', 'a map file is larger than any map', {
      details: { sizeBytes: size },
    })
  } finally {
    await file.close()
  }
}

async function writeAndSync(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writev([...pieces])
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
