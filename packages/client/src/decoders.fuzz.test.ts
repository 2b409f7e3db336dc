import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { expect, it } from 'vitest'
import { hashFromBytes, KuraError } from '@kura/core'
import { BlockInfoSchema, PutReceiptSchema } from '@kura/proto'
import { fuzzDecoder } from '@kura/testkit'
import {
  createTreeManifest,
  decodeFileManifest,
  decodeTreeManifest,
  encodeFileManifest,
  encodeTreeManifest,
  parseSpan,
} from './manifest.ts'
import { checkFileManifest } from './read-content.ts'
import { contentBytesOf } from './read-tree.ts'
import { parseBlockInfo, parseReceipt } from './receipt.ts'
import { formatReference, parseReference } from './reference.ts'
import { checkEntry, checkOrder, createEntry } from './tree-entry.ts'

const hashBytes = Buffer.alloc(32, 7)
const hash = hashFromBytes(hashBytes)
const attributes = { mode: 0o644, mtimeNs: 1_700_000_000_000_000_000n }
const stats = { mode: 0o100644n, mtimeNs: 5n }

it('any block as a file manifest is a manifest or a typed error', async () => {
  const spans = [
    { hash, sizeBytes: 4_194_304 },
    { hash, sizeBytes: 17 },
  ]
  const result = await fuzzDecoder({
    name: 'file manifest',
    decode: (bytes) => {
      const manifest = decodeFileManifest(bytes)
      checkFileManifest(manifest)
      return [manifest.spans.map(parseSpan), Number(manifest.sizeBytes)]
    },
    seeds: [
      encodeFileManifest({ sizeBytes: 0, depth: 0, spans: [], attributes }),
      encodeFileManifest({ sizeBytes: 4_194_321, depth: 0, spans, attributes }),
      encodeFileManifest({ sizeBytes: 4_194_321, depth: 2, spans }),
    ],
    words: ['KURAMAN1'],
  })
  expect(result.corpusCount).toBeGreaterThan(3)
})

it('any block as a tree manifest is a manifest or a typed error', async () => {
  const span = { hash: hashBytes, sizeBytes: 5n }
  const entries = [
    createEntry(Buffer.from('a'), stats, { case: 'block', value: span }),
    createEntry(Buffer.from('b'), stats, { case: 'directory', value: span }),
    createEntry(Buffer.from('c'), stats, { case: 'empty', value: {} }),
    createEntry(Buffer.from('d'), stats, { case: 'file', value: span }),
    createEntry(Buffer.from('e'), stats, { case: 'symlink', value: Buffer.from('..') }),
  ]
  const parts = [{ hash, sizeBytes: 9 }]
  const result = await fuzzDecoder({
    name: 'tree manifest',
    decode: (bytes) => {
      const manifest = decodeTreeManifest(bytes)
      let previous: Uint8Array | undefined
      for (const entry of manifest.entries) {
        checkEntry(entry)
        checkOrder(previous, entry.name)
        previous = entry.name
      }
      return [contentBytesOf(manifest), manifest.parts.map(parseSpan)]
    },
    seeds: [
      encodeTreeManifest(createTreeManifest({ depth: 0, entries, attributes })),
      encodeTreeManifest(createTreeManifest({ depth: 1, parts })),
    ],
    words: ['KURAMAN1', '/', '..', '.'],
  })
  expect(result.corpusCount).toBeGreaterThan(2)
})

it('any text as a reference is a reference, which reads back, or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'reference',
    decode: (bytes) => {
      const reference = parseReference(bytes.toString())
      expect(parseReference(formatReference(reference))).toEqual(reference)
    },
    seeds: [hash, `kura:file:${hash}`, `kura:tree:${hash.toUpperCase()}`].map((text) =>
      Buffer.from(text),
    ),
    words: ['kura:', 'file', 'tree', ':'],
  })
  expect(result.corpusCount).toBeGreaterThanOrEqual(3)
})

it('any receipt of a server is one for this block or a typed error', async () => {
  const receipt = create(PutReceiptSchema, {
    hash: hashBytes,
    sizeBytes: 5,
    zone: 'a',
    bucketId: 300n,
    volumeKind: 'replicated-3',
    lastPutMs: 1_700_000_000_000,
    indexIncarnation: { number: 1, random: '0123456789abcdef' },
    position: 12n,
    zonesAcknowledged: ['a'],
  })
  const result = await fuzzDecoder({
    name: 'receipt',
    decode: (bytes) => parseReceipt(parse(PutReceiptSchema, bytes), { hash, sizeBytes: 5 }),
    seeds: [toBinary(PutReceiptSchema, receipt)],
  })
  expect(result.corpusCount).toBeGreaterThan(1)
})

it('any description of a block is one of this block or a typed error', async () => {
  const info = create(BlockInfoSchema, {
    hash: hashBytes,
    sizeBytes: 5,
    plainCrc: 9,
    lastPutMs: 1_700_000_000_000,
    bucketId: 300n,
  })
  const result = await fuzzDecoder({
    name: 'block info',
    decode: (bytes) => parseBlockInfo(parse(BlockInfoSchema, bytes), hash),
    seeds: [toBinary(BlockInfoSchema, info)],
  })
  expect(result.corpusCount).toBeGreaterThan(1)
})

/** As the transport does, which gives whole messages only. */
const parse: typeof fromBinary = (schema, bytes) => {
  try {
    return fromBinary(schema, bytes)
  } catch (cause) {
    throw new KuraError('protocol-violation', 'no message', { cause })
  }
}
