/** Stores one file and answers the reference to it. */
import { realpath, stat } from 'node:fs/promises'
import type { Workspace } from './blocks.ts'
import { cutIntoBlocks } from './file-pieces.ts'
import { openToRead, toFileError } from './local-file.ts'
import { encodeFileManifest, type RootAttributes } from './manifest.ts'
import { ProgressTracker, type OnProgress } from './progress.ts'
import { putContent, putOpenFile, type FileContent } from './put-content.ts'
import { formatReference, type Reference } from './reference.ts'

export interface PutFileOptions {
  readonly onProgress?: OnProgress | undefined
  readonly signal?: AbortSignal | undefined
}

export interface PutFileResult {
  readonly reference: Reference & { readonly kind: 'file' }
  /** The reference as text. */
  readonly text: string
  readonly sizeBytes: number
  /** Blocks of content, without manifests. */
  readonly blockCount: number
  /** Of these, blocks and bytes that the zone did not have. */
  readonly newBlockCount: number
  readonly newBytes: number
  /** The file changed during every reading; what is stored is the last reading. */
  readonly changed: boolean
}

/** Stores the file at a path, or behind a link. Throws `file-error` and what `put` throws. */
export async function putFileAtPath(
  workspace: Workspace,
  path: Buffer,
  options: PutFileOptions,
): Promise<PutFileResult> {
  try {
    const target = await stat(path, { bigint: true })
    const tracker = new ProgressTracker({
      onProgress: options.onProgress,
      filesTotal: 1,
      bytesTotal: Number(target.size),
    })
    await using file = await openToRead(await realpath(path, { encoding: 'buffer' }))
    const read = await putOpenFile(workspace, file, { tracker, signal: options.signal })
    const result = await putRoot(workspace, read, options.signal)
    tracker.fileDone()
    return result
  } catch (error) {
    throw toFileError(error, path)
  }
}

/** Stores bytes from anywhere, e.g. standard input. The manifest has no attributes. */
export async function putFileFromStream(
  workspace: Workspace,
  source: AsyncIterable<Uint8Array>,
  options: PutFileOptions,
): Promise<PutFileResult> {
  const tracker = new ProgressTracker({ onProgress: options.onProgress, filesTotal: 1 })
  const pieces = cutIntoBlocks(workspace, source, options.signal)
  const content = await putContent(workspace, pieces, { tracker, signal: options.signal })
  const result = await putRoot(workspace, { content, changed: false }, options.signal)
  tracker.fileDone()
  return result
}

async function putRoot(
  workspace: Workspace,
  read: { content: FileContent; changed: boolean; attributes?: RootAttributes },
  signal: AbortSignal | undefined,
): Promise<PutFileResult> {
  const { sizeBytes, depth, spans, blockCount, newBlockCount, newBytes } = read.content
  const bytes = encodeFileManifest({ sizeBytes, depth, spans, attributes: read.attributes })
  const receipt = await workspace.blocks.put(bytes, { signal })
  const reference = Object.freeze({ kind: 'file' as const, hash: receipt.hash })
  const text = formatReference(reference)
  const { changed } = read
  const counts = { sizeBytes, blockCount, newBlockCount, newBytes }
  return Object.freeze({ reference, text, ...counts, changed })
}
