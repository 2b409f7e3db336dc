/**
 * Collects the entries of one directory into tree manifests of bounded size. A directory whose
 * entries fit into one manifest has just that one; a larger one gets levels above its parts.
 */
import { toBinary } from '@bufbuild/protobuf'
import { TreeEntrySchema, type TreeEntry, type TreeManifest } from '@kura/proto'
import type { Blocks } from './blocks.ts'
import { FILE_MANIFEST_SPANS_MAX, TREE_MANIFEST_BYTES_MAX } from './limits.ts'
import {
  createTreeManifest,
  encodeTreeManifest,
  type RootAttributes,
  type Span,
} from './manifest.ts'
import { SpanLevels } from './span-levels.ts'

export interface TreeManifestBuilderOptions {
  readonly blocks: Blocks
  readonly signal: AbortSignal | undefined
  /** Smaller in tests. */
  readonly partBytesMax?: number
  readonly spansMax?: number
}

export class TreeManifestBuilder {
  readonly #options: TreeManifestBuilderOptions
  readonly #levels: SpanLevels
  #entries: TreeEntry[] = []
  #encodedBytes = 0
  #partContentBytes = 0
  #contentBytes = 0

  constructor(options: TreeManifestBuilderOptions) {
    this.#options = options
    this.#levels = new SpanLevels({
      depthMin: 1,
      spansMax: options.spansMax ?? FILE_MANIFEST_SPANS_MAX,
      put: (depth, parts) => this.#put(createTreeManifest({ depth, parts }), sumOf(parts)),
    })
  }

  /** REQUIRES: entries come in byte order of their names. */
  async add(entry: TreeEntry, contentBytes: number): Promise<void> {
    const encodedBytes = toBinary(TreeEntrySchema, entry).length
    const partBytesMax = this.#options.partBytesMax ?? TREE_MANIFEST_BYTES_MAX
    const isFull = this.#encodedBytes + encodedBytes > partBytesMax
    if (isFull && this.#entries.length > 0) await this.#flush()
    this.#entries.push(entry)
    this.#encodedBytes += encodedBytes
    this.#partContentBytes += contentBytes
    this.#contentBytes += contentBytes
  }

  /** Stores the manifest on top and answers its span. */
  async finish(attributes?: RootAttributes): Promise<Span> {
    if (this.#levels.isEmpty) {
      const manifest = createTreeManifest({ depth: 0, entries: this.#entries, attributes })
      return await this.#put(manifest, this.#contentBytes)
    }
    await this.#flush()
    const { depth, spans } = await this.#levels.finish()
    const manifest = createTreeManifest({ depth, parts: spans, attributes })
    return await this.#put(manifest, this.#contentBytes)
  }

  async #flush(): Promise<void> {
    const manifest = createTreeManifest({ depth: 0, entries: this.#entries })
    const contentBytes = this.#partContentBytes
    this.#entries = []
    this.#encodedBytes = 0
    this.#partContentBytes = 0
    await this.#levels.add(await this.#put(manifest, contentBytes))
  }

  async #put(manifest: TreeManifest, sizeBytes: number): Promise<Span> {
    const { blocks, signal } = this.#options
    const { hash } = await blocks.put(encodeTreeManifest(manifest), { signal })
    return { hash, sizeBytes }
  }
}

function sumOf(spans: readonly Span[]): number {
  return spans.reduce((sum, span) => sum + span.sizeBytes, 0)
}
