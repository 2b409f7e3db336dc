/** What lies behind a reference, without fetching the content. */
import type { BlockHash } from '@kura/core'
import type { Blocks } from './blocks.ts'
import { decodeFileManifest, decodeTreeManifest, type RootAttributes } from './manifest.ts'
import { contentBytesOf } from './read-tree.ts'
import type { BlockInfo } from './receipt.ts'
import { formatReference, parseReference, type Reference } from './reference.ts'

export interface Description {
  /** The reference as text. */
  readonly text: string
  readonly kind: Reference['kind']
  /** Bytes of the block, of the file, or of all files of the tree. */
  readonly contentBytes: number
  /** Of a file or directory that had a path when it was stored. */
  readonly attributes: RootAttributes | undefined
  /** The block itself: for a file or a tree, its manifest. */
  readonly block: BlockInfo
}

export async function describeReference(
  blocks: Blocks,
  given: Reference | string,
  stat: (hash: BlockHash) => Promise<BlockInfo>,
): Promise<Description> {
  const reference = typeof given === 'string' ? parseReference(given) : given
  const { kind, hash } = reference
  const block = await stat(hash)
  const content = await measure(blocks, reference, block)
  return Object.freeze({ text: formatReference(reference), kind, ...content, block })
}

async function measure(
  blocks: Blocks,
  { kind, hash }: Reference,
  block: BlockInfo,
): Promise<Pick<Description, 'contentBytes' | 'attributes'>> {
  if (kind === 'block') return { contentBytes: block.sizeBytes, attributes: undefined }
  const bytes = await blocks.get(hash)
  if (kind === 'tree') {
    const manifest = decodeTreeManifest(bytes)
    return { contentBytes: contentBytesOf(manifest), attributes: manifest.attributes }
  }
  const manifest = decodeFileManifest(bytes)
  return { contentBytes: Number(manifest.sizeBytes), attributes: manifest.attributes }
}
