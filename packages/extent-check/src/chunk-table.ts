/** The chunk table: a CRC for each 64 KiB from page 1 to the end of the record index. */
import { requireZeros } from './fields.ts'
import { formatInvalid, padToPage } from './format.ts'

/** `bytes` is the table with its padding. Throws `format-invalid`. */
export function decodeChunkTable(bytes: Buffer, chunkCount: number): Uint32Array {
  if (bytes.length !== padToPage(chunkCount * 4))
    throw formatInvalid('the table has another length')
  requireZeros(bytes, chunkCount * 4, bytes.length)
  const crcs = new Uint32Array(chunkCount)
  for (let index = 0; index < chunkCount; index += 1) crcs[index] = bytes.readUInt32LE(index * 4)
  return crcs
}
