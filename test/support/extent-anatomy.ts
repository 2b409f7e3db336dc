/**
 * Where the parts of a sealed extent lie, read from the file by the words of FORMAT.md alone: it
 * shares no code with the engine, so that both would have to be wrong in the same way.
 */
import { readFile } from 'node:fs/promises'
import type { BlockHash } from '@kura/core'

const PAGE_BYTES = 4096
const RECORD_HASH_AT = 88
const FOOTER_INDEX_OFFSET_AT = 48
const FOOTER_CHUNK_TABLE_OFFSET_AT = 64

/** One byte in each part, as the scrubber names the part that it reports. */
export interface ExtentAnatomy {
  readonly 'page-0': number
  readonly 'record-header': number
  readonly payload: number
  readonly padding: number
  readonly 'record-index': number
  readonly 'chunk-table': number
  readonly footer: number
}

/** For the record of a block of `sizeBytes` that does not fill its last page. */
export async function dissectExtent(
  path: string,
  block: { readonly hash: BlockHash; readonly sizeBytes: number },
): Promise<ExtentAnatomy> {
  const bytes = await readFile(path)
  const recordAt = findRecord(bytes, block.hash)
  const footerAt = bytes.length - PAGE_BYTES
  if (bytes.toString('latin1', footerAt, footerAt + 8) !== 'KURAFTR0') {
    throw new Error(`${path} is not sealed`)
  }
  return {
    'page-0': 40,
    'record-header': recordAt + RECORD_HASH_AT - 4,
    payload: recordAt + PAGE_BYTES + Math.floor(block.sizeBytes / 2),
    padding: recordAt + PAGE_BYTES + block.sizeBytes + 1,
    'record-index': Number(bytes.readBigUInt64LE(footerAt + FOOTER_INDEX_OFFSET_AT)) + 5,
    'chunk-table': Number(bytes.readBigUInt64LE(footerAt + FOOTER_CHUNK_TABLE_OFFSET_AT)) + 1,
    footer: footerAt + 100,
  }
}

function findRecord(bytes: Buffer, hash: BlockHash): number {
  const needle = Buffer.from(hash, 'hex')
  for (let at = PAGE_BYTES; at < bytes.length; at += PAGE_BYTES) {
    const isRecord = bytes.toString('latin1', at, at + 8) === 'KURAREC0'
    const found = bytes.subarray(at + RECORD_HASH_AT, at + RECORD_HASH_AT + 32)
    if (isRecord && found.equals(needle)) return at
  }
  throw new Error('the extent has no such record')
}
