/** Walks the manifests of a file down to its blocks, in bounded memory, and checks their sums. */
import { BLOCK_SIZE_BYTES_MAX, KuraError } from '@kura/core'
import type { FileManifest } from '@kura/proto'
import type { Blocks } from './blocks.ts'
import { decodeFileManifest, parseSpan, type Span } from './manifest.ts'

/** A block of a file and its place in it. */
export interface PlacedSpan extends Span {
  readonly offsetBytes: number
}

/** Bytes `fromBytes` to before `toBytes`. */
export interface ByteRange {
  readonly fromBytes: number
  readonly toBytes: number
}

/**
 * The blocks of a file that overlap `range`, in order. Throws `format-invalid` where the manifests
 * contradict themselves, so that a wrong manifest cannot make a wrong file.
 */
export async function* walkFile(
  blocks: Blocks,
  file: { readonly manifest: FileManifest; readonly range: ByteRange },
  signal: AbortSignal | undefined,
): AsyncGenerator<PlacedSpan> {
  const { manifest, range } = file
  checkFileManifest(manifest)
  let offsetBytes = 0
  for (const message of manifest.spans) {
    const span = { ...parseSpan(message), offsetBytes }
    offsetBytes += span.sizeBytes
    if (offsetBytes <= range.fromBytes || span.offsetBytes >= range.toBytes) continue
    if (manifest.depth === 0) yield span
    else yield* walkChild(blocks, { span, depth: manifest.depth - 1, range }, signal)
  }
}

async function* walkChild(
  blocks: Blocks,
  child: { readonly span: PlacedSpan; readonly depth: number; readonly range: ByteRange },
  signal: AbortSignal | undefined,
): AsyncGenerator<PlacedSpan> {
  const { span, depth, range } = child
  const manifest = decodeFileManifest(await blocks.get(span.hash, { signal }))
  if (manifest.depth !== depth || Number(manifest.sizeBytes) !== span.sizeBytes) {
    throw new KuraError('format-invalid', 'a file manifest is not what its parent says', {
      details: { hash: span.hash },
    })
  }
  const shifted = {
    fromBytes: range.fromBytes - span.offsetBytes,
    toBytes: range.toBytes - span.offsetBytes,
  }
  for await (const inner of walkFile(blocks, { manifest, range: shifted }, signal)) {
    yield { ...inner, offsetBytes: inner.offsetBytes + span.offsetBytes }
  }
}

/** Throws `format-invalid` for sizes that are impossible or do not add up. */
export function checkFileManifest(manifest: FileManifest): void {
  let sumBytes = 0
  for (const message of manifest.spans) {
    const { sizeBytes } = parseSpan(message)
    sumBytes += sizeBytes
    const tooLarge = manifest.depth === 0 && sizeBytes > BLOCK_SIZE_BYTES_MAX
    if (sizeBytes === 0 || tooLarge) {
      throw new KuraError('format-invalid', 'a file manifest names a block of no possible size')
    }
  }
  // Sizes above 2^53 have lost their last digits: equal sums would mean nothing.
  if (!Number.isSafeInteger(sumBytes) || BigInt(sumBytes) !== manifest.sizeBytes) {
    throw new KuraError('format-invalid', 'the sizes in a file manifest do not add up')
  }
}
