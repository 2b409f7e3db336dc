/** Stores a sequence of pieces as blocks, in bounded memory, under file manifests. */
import type { FileHandle } from 'node:fs/promises'
import type { BlockHash } from '@kura/core'
import type { Workspace } from './blocks.ts'
import { readPieces, type Piece } from './file-pieces.ts'
import { FILE_MANIFEST_SPANS_MAX, FILE_READINGS_MAX } from './limits.ts'
import { isSameStamp, stampOf } from './local-file.ts'
import { encodeFileManifest, type RootAttributes, type Span } from './manifest.ts'
import { mapOrdered } from './map-ordered.ts'
import type { ProgressTracker } from './progress.ts'
import { SpanLevels } from './span-levels.ts'

/** What of a file has gone into blocks. */
export interface FileContent {
  readonly sizeBytes: number
  readonly depth: number
  readonly spans: readonly Span[]
  readonly blockCount: number
  readonly newBlockCount: number
  readonly newBytes: number
}

export interface ContentOptions {
  readonly tracker: ProgressTracker
  readonly signal: AbortSignal | undefined
  /** Smaller in tests. */
  readonly spansMax?: number
}

export interface OpenFileRead {
  readonly content: FileContent
  readonly changed: boolean
  readonly attributes: RootAttributes
}

/** Reads an open file into blocks, again when it changed meanwhile; the last reading stands. */
export async function putOpenFile(
  workspace: Workspace,
  file: FileHandle,
  options: ContentOptions,
): Promise<OpenFileRead> {
  for (let readings = 1; ; readings += 1) {
    const before = await file.stat({ bigint: true })
    const pieces = readPieces(workspace, { file, sizeBytes: Number(before.size) }, options.signal)
    const content = await putContent(workspace, pieces, options)
    const after = await file.stat({ bigint: true })
    const whole = content.sizeBytes === Number(before.size)
    const changed = !whole || !isSameStamp(stampOf(before), stampOf(after))
    if (changed && readings < FILE_READINGS_MAX) {
      options.tracker.takeBack(content)
      continue
    }
    const attributes = { mode: Number(before.mode) & 0o7777, mtimeNs: before.mtimeNs }
    return { content, changed, attributes }
  }
}

/** Stores blocks in order; each piece's buffer goes back to the pool when its block is stored. */
export async function putContent(
  workspace: Workspace,
  pieces: AsyncIterable<Piece>,
  options: ContentOptions,
): Promise<FileContent> {
  const spansMax = options.spansMax ?? FILE_MANIFEST_SPANS_MAX
  const put = (depth: number, spans: readonly Span[]): Promise<Span> =>
    putFileManifest(workspace, { depth, spans }, options.signal)
  const levels = new SpanLevels({ depthMin: 0, spansMax, put })
  const total = { sizeBytes: 0, blockCount: 0, newBlockCount: 0, newBytes: 0 }
  const stored = mapOrdered(pieces, {
    inFlightMax: workspace.parallelism,
    signal: options.signal,
    work: (piece, signal) => putPiece(workspace, piece, { ...options, signal }),
  })
  for await (const span of stored) {
    total.sizeBytes += span.sizeBytes
    total.blockCount += 1
    if (span.newlyStored) total.newBlockCount += 1
    if (span.newlyStored) total.newBytes += span.sizeBytes
    await levels.add({ hash: span.hash, sizeBytes: span.sizeBytes })
  }
  return { ...total, ...(await levels.finish()) }
}

interface StoredSpan extends Span {
  readonly newlyStored: boolean
}

async function putPiece(
  workspace: Workspace,
  piece: Piece,
  options: ContentOptions,
): Promise<StoredSpan> {
  try {
    const bytes = piece.buffer.subarray(0, piece.sizeBytes)
    const { hash, newlyStored } = await workspace.blocks.put(bytes, { signal: options.signal })
    options.tracker.blockDone(piece.sizeBytes)
    return { hash, sizeBytes: piece.sizeBytes, newlyStored }
  } finally {
    workspace.buffers.giveBack(piece.buffer)
  }
}

async function putFileManifest(
  workspace: Workspace,
  level: { readonly depth: number; readonly spans: readonly Span[] },
  signal: AbortSignal | undefined,
): Promise<Span> {
  const sizeBytes = level.spans.reduce((sum, span) => sum + span.sizeBytes, 0)
  const bytes = encodeFileManifest({ sizeBytes, depth: level.depth, spans: level.spans })
  const { hash } = await workspace.blocks.put(bytes, { signal })
  return { hash, sizeBytes }
}

/** A manifest of content that is not a reference's root. */
export async function putInnerFileManifest(
  workspace: Workspace,
  content: FileContent,
  signal: AbortSignal | undefined,
): Promise<BlockHash> {
  const { sizeBytes, depth, spans } = content
  const bytes = encodeFileManifest({ sizeBytes, depth, spans })
  return (await workspace.blocks.put(bytes, { signal })).hash
}
