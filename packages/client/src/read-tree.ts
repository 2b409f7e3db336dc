/** Walks the manifests of one directory and yields its entries, checked. */
import { KuraError } from '@kura/core'
import type { TreeEntry, TreeManifest } from '@kura/proto'
import type { Blocks } from './blocks.ts'
import { decodeTreeManifest, parseSpan } from './manifest.ts'
import { checkEntry, checkOrder } from './tree-entry.ts'

/** The entries in order, over all parts. Throws `format-invalid` for what cannot be restored. */
export async function* walkEntries(
  blocks: Blocks,
  manifest: TreeManifest,
  signal: AbortSignal | undefined,
): AsyncGenerator<TreeEntry> {
  let previous: Uint8Array | undefined
  for await (const entry of walkParts(blocks, manifest, signal)) {
    checkEntry(entry)
    checkOrder(previous, entry.name)
    previous = entry.name
    yield entry
  }
}

async function* walkParts(
  blocks: Blocks,
  manifest: TreeManifest,
  signal: AbortSignal | undefined,
): AsyncGenerator<TreeEntry> {
  if (manifest.depth === 0) {
    yield* manifest.entries
    return
  }
  for (const message of manifest.parts) {
    const { hash } = parseSpan(message)
    const part = decodeTreeManifest(await blocks.get(hash, { signal }))
    if (part.depth !== manifest.depth - 1) {
      throw new KuraError('format-invalid', 'a tree manifest is not what its parent says', {
        details: { hash },
      })
    }
    yield* walkParts(blocks, part, signal)
  }
}

/** Bytes of content below a directory, as its manifest says. Throws `format-invalid` above 2^53. */
export function contentBytesOf(manifest: TreeManifest): number {
  let sumBytes = 0
  for (const part of manifest.parts) sumBytes += Number(part.sizeBytes)
  for (const { kind } of manifest.entries) {
    const hasContent = kind.case === 'block' || kind.case === 'file' || kind.case === 'directory'
    if (hasContent) sumBytes += Number(kind.value.sizeBytes)
  }
  if (!Number.isSafeInteger(sumBytes)) {
    throw new KuraError('format-invalid', 'a tree manifest names more bytes than there can be')
  }
  return sumBytes
}
