/**
 * Manifests: blocks that name other blocks. A manifest block is the eight bytes `KURAMAN1` and one
 * `kura.v1.Manifest`. The encoding is deterministic (fields in order, no unknown ones), so the same
 * content has the same manifest, and the same hash.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { hashFromBytes, hashToBytes, KuraError, type BlockHash } from '@kura/core'
import {
  FileManifestSchema,
  ManifestSchema,
  TreeManifestSchema,
  type BlockSpan,
  type FileManifest,
  type Manifest,
  type TreeManifest,
} from '@kura/proto'
import { MANIFEST_DEPTH_MAX } from './limits.ts'

export const MANIFEST_MAGIC = Buffer.from('KURAMAN1', 'latin1')
const FORMAT_VERSION = 1

/** A hash and the content bytes behind it. */
export interface Span {
  readonly hash: BlockHash
  readonly sizeBytes: number
}

/** Of the file or directory that a reference names. */
export interface RootAttributes {
  /** Permission bits. */
  readonly mode: number
  readonly mtimeNs: bigint
}

export function isManifest(bytes: Uint8Array): boolean {
  return MANIFEST_MAGIC.equals(bytes.subarray(0, MANIFEST_MAGIC.length))
}

export function toSpanMessage(span: Span): { hash: Uint8Array; sizeBytes: bigint } {
  return { hash: hashToBytes(span.hash), sizeBytes: BigInt(span.sizeBytes) }
}

/** Throws `format-invalid` for a span without a hash or with a size that no file has. */
export function parseSpan(message: BlockSpan): Span {
  const sizeBytes = Number(message.sizeBytes)
  if (message.hash.length !== 32 || !Number.isSafeInteger(sizeBytes)) {
    throw new KuraError('format-invalid', 'a manifest names something that is no block')
  }
  return Object.freeze({ hash: hashFromBytes(message.hash), sizeBytes })
}

export function encodeFileManifest(file: {
  readonly sizeBytes: number
  readonly depth: number
  readonly spans: readonly Span[]
  readonly attributes?: RootAttributes | undefined
}): Buffer {
  const value = create(FileManifestSchema, {
    sizeBytes: BigInt(file.sizeBytes),
    depth: file.depth,
    spans: file.spans.map(toSpanMessage),
    ...(file.attributes === undefined ? {} : { attributes: { ...file.attributes } }),
  })
  return encode({ case: 'file', value })
}

export function encodeTreeManifest(tree: TreeManifest): Buffer {
  return encode({ case: 'tree', value: tree })
}

export function createTreeManifest(tree: {
  readonly depth: number
  readonly entries?: TreeManifest['entries']
  readonly parts?: readonly Span[]
  readonly attributes?: RootAttributes | undefined
}): TreeManifest {
  return create(TreeManifestSchema, {
    depth: tree.depth,
    entries: tree.entries ?? [],
    parts: (tree.parts ?? []).map(toSpanMessage),
    ...(tree.attributes === undefined ? {} : { attributes: { ...tree.attributes } }),
  })
}

function encode(content: Manifest['content']): Buffer {
  const message = create(ManifestSchema, { formatVersion: FORMAT_VERSION, content })
  return Buffer.concat([MANIFEST_MAGIC, toBinary(ManifestSchema, message)])
}

/** Throws `format-invalid` or `format-too-new`. */
export function decodeFileManifest(bytes: Uint8Array): FileManifest {
  const { content } = decode(bytes)
  if (content.case === 'file') return checkDepth(content.value)
  throw new KuraError('format-invalid', 'this manifest is not of a file')
}

/** Throws `format-invalid` or `format-too-new`. */
export function decodeTreeManifest(bytes: Uint8Array): TreeManifest {
  const { content } = decode(bytes)
  if (content.case === 'tree') return checkDepth(content.value)
  throw new KuraError('format-invalid', 'this manifest is not of a tree')
}

function checkDepth<T extends { readonly depth: number }>(manifest: T): T {
  if (manifest.depth <= MANIFEST_DEPTH_MAX) return manifest
  throw new KuraError('format-invalid', 'the manifest has too many levels', {
    details: { depth: manifest.depth },
  })
}

function decode(bytes: Uint8Array): Manifest {
  if (!isManifest(bytes)) {
    throw new KuraError('format-invalid', 'the block is not a manifest', {
      hint: 'take the bare hash to get the block itself',
    })
  }
  const manifest = parseMessage(bytes.subarray(MANIFEST_MAGIC.length))
  if (manifest.formatVersion !== FORMAT_VERSION) {
    throw new KuraError('format-too-new', 'the manifest has another format version', {
      details: { formatVersion: manifest.formatVersion, known: FORMAT_VERSION },
      hint: 'read it with a newer client',
    })
  }
  return manifest
}

function parseMessage(bytes: Uint8Array): Manifest {
  try {
    return fromBinary(ManifestSchema, bytes, { readUnknownFields: false })
  } catch (cause) {
    throw new KuraError('format-invalid', 'the manifest cannot be decoded', { cause })
  }
}
