/** Reads a stored file back: as a stream, a range of it, or into a file on disk. */
import type { FileHandle } from 'node:fs/promises'
import { KuraError } from '@kura/core'
import type { FileManifest } from '@kura/proto'
import type { Blocks, Workspace } from './blocks.ts'
import { decodeFileManifest } from './manifest.ts'
import { mapOrdered } from './map-ordered.ts'
import { writeNewFile } from './new-file.ts'
import { ProgressTracker, type OnProgress } from './progress.ts'
import { walkFile, type ByteRange, type PlacedSpan } from './read-content.ts'
import { requireReference, type Reference } from './reference.ts'

export interface ReadFileOptions {
  /** The whole file unless given; cut to the end of the file. */
  readonly range?: ByteRange | undefined
  readonly onProgress?: OnProgress | undefined
  readonly signal?: AbortSignal | undefined
}

export interface GetFileOptions {
  /** Replace a file or link at the path; without it `target-exists`. */
  readonly overwrite?: boolean | undefined
  readonly onProgress?: OnProgress | undefined
  readonly signal?: AbortSignal | undefined
}

export interface GetFileResult {
  readonly sizeBytes: number
  readonly blockCount: number
}

export async function readFileManifest(
  blocks: Blocks,
  given: Reference | string,
  signal: AbortSignal | undefined,
): Promise<FileManifest> {
  const reference = requireReference(given, 'file')
  return decodeFileManifest(await blocks.get(reference.hash, { signal }))
}

/** Verified pieces in order; the next ones are fetched while one is in use. */
export async function* readFilePieces(
  workspace: Workspace,
  given: Reference | string,
  options: ReadFileOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { blocks } = workspace
  const manifest = await readFileManifest(blocks, given, options.signal)
  const range = checkRange(options.range, Number(manifest.sizeBytes))
  const tracker = new ProgressTracker({
    onProgress: options.onProgress,
    filesTotal: 1,
    bytesTotal: range.toBytes - range.fromBytes,
  })
  const spans = walkFile(blocks, { manifest, range }, options.signal)
  const pieces = mapOrdered(spans, {
    inFlightMax: workspace.parallelism,
    signal: options.signal,
    work: async (span, signal) =>
      cutToRange(await getSpan(blocks, span, { signal }), { span, range }),
  })
  for await (const piece of pieces) {
    tracker.blockDone(piece.length)
    yield piece
  }
  tracker.fileDone()
}

function checkRange(range: ByteRange | undefined, sizeBytes: number): ByteRange {
  if (range === undefined) return { fromBytes: 0, toBytes: sizeBytes }
  const { fromBytes, toBytes } = range
  const whole = Number.isSafeInteger(fromBytes) && Number.isSafeInteger(toBytes)
  if (!whole || fromBytes < 0 || toBytes < fromBytes || fromBytes > sizeBytes) {
    throw new KuraError('range-not-satisfiable', 'the range lies outside the file', {
      details: { fromBytes, toBytes, sizeBytes },
    })
  }
  return { fromBytes, toBytes: Math.min(toBytes, sizeBytes) }
}

function cutToRange(
  bytes: Uint8Array,
  place: { readonly span: PlacedSpan; readonly range: ByteRange },
): Uint8Array {
  const { span, range } = place
  const from = Math.max(0, range.fromBytes - span.offsetBytes)
  return bytes.subarray(from, range.toBytes - span.offsetBytes)
}

async function getSpan(
  blocks: Blocks,
  span: PlacedSpan,
  options: { readonly into?: Uint8Array; readonly signal?: AbortSignal | undefined },
): Promise<Uint8Array> {
  const { into, signal } = options
  const bytes = await blocks.get(span.hash, { signal, ...(into === undefined ? {} : { into }) })
  if (bytes.length === span.sizeBytes) return bytes
  throw new KuraError('format-invalid', 'a block is not as long as its manifest says', {
    details: { hash: span.hash, sizeBytes: bytes.length, manifestSizeBytes: span.sizeBytes },
  })
}

/**
 * Writes a stored file to `path` with its mode and time, blocks in parallel. What was written is
 * removed again when it fails. Durable: nothing; the caller's file system decides.
 */
export async function getFileToPath(
  workspace: Workspace,
  target: { readonly reference: Reference | string; readonly path: Buffer },
  options: GetFileOptions,
): Promise<GetFileResult> {
  const manifest = await readFileManifest(workspace.blocks, target.reference, options.signal)
  const sizeBytes = Number(manifest.sizeBytes)
  const tracker = new ProgressTracker({
    onProgress: options.onProgress,
    filesTotal: 1,
    bytesTotal: sizeBytes,
  })
  const range = { fromBytes: 0, toBytes: sizeBytes }
  const spans = walkFile(workspace.blocks, { manifest, range }, options.signal)
  const attributes = manifest.attributes
  const { path } = target
  const { overwrite = false, signal } = options
  await writeNewFile({ path, overwrite, attributes }, (file) =>
    writeSpans(workspace, { file, spans }, { tracker, signal }),
  )
  tracker.fileDone()
  return Object.freeze({ sizeBytes, blockCount: tracker.current.blocksDone })
}

/** Fetches blocks in parallel and writes each to its place. */
export async function writeSpans(
  workspace: Workspace,
  transfer: { readonly file: FileHandle; readonly spans: AsyncIterable<PlacedSpan> },
  options: { readonly tracker: ProgressTracker; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const written = mapOrdered(transfer.spans, {
    inFlightMax: workspace.parallelism,
    signal: options.signal,
    work: (span, signal) => writeSpan(workspace, { file: transfer.file, span }, signal),
  })
  for await (const sizeBytes of written) options.tracker.blockDone(sizeBytes)
}

async function writeSpan(
  workspace: Workspace,
  transfer: { readonly file: FileHandle; readonly span: PlacedSpan },
  signal: AbortSignal | undefined,
): Promise<number> {
  const { file, span } = transfer
  const buffer = await workspace.buffers.take(signal)
  try {
    const bytes = await getSpan(workspace.blocks, span, { into: buffer, signal })
    await writeFully(file, bytes, span.offsetBytes)
    return bytes.length
  } finally {
    workspace.buffers.giveBack(buffer)
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array, offsetBytes: number): Promise<void> {
  for (let doneBytes = 0; doneBytes < bytes.length;) {
    const position = offsetBytes + doneBytes
    const left = bytes.length - doneBytes
    const { bytesWritten } = await file.write(bytes, doneBytes, left, position)
    doneBytes += bytesWritten
  }
}
