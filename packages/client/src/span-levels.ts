/**
 * Builds the levels of manifests over a sequence of spans of any length, in bounded memory: a full
 * level becomes one manifest, whose span goes to the level above. The shape depends on the sequence
 * alone, so the same content has the same manifests.
 */
import { assert, KuraError } from '@kura/core'
import { MANIFEST_DEPTH_MAX } from './limits.ts'
import type { Span } from './manifest.ts'

export interface SpanLevelsOptions {
  /** Depth of a manifest over the spans that are added. */
  readonly depthMin: number
  readonly spansMax: number
  /** Stores the manifest of a full level and answers its span. */
  readonly put: (depth: number, spans: readonly Span[]) => Promise<Span>
}

export class SpanLevels {
  readonly #levels: Span[][] = [[]]
  readonly #options: SpanLevelsOptions

  constructor(options: SpanLevelsOptions) {
    assert(options.spansMax >= 2, 'a level holds at least two spans')
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#levels.length === 1 && this.#levels[0]?.length === 0
  }

  async add(span: Span): Promise<void> {
    await this.#addAt(0, span)
  }

  /** Closes all levels but the top one, which belongs into the root manifest. */
  async finish(): Promise<{ readonly depth: number; readonly spans: readonly Span[] }> {
    for (let level = 0; level < this.#levels.length - 1; level += 1) await this.#flush(level)
    const top = this.#levels.length - 1
    return { depth: this.#options.depthMin + top, spans: this.#levels[top] ?? [] }
  }

  async #addAt(level: number, span: Span): Promise<void> {
    if (this.#options.depthMin + level > MANIFEST_DEPTH_MAX) {
      throw new KuraError('invalid-argument', 'more content than manifests can name')
    }
    // A full level is closed only when more comes: what fits in one manifest stays one manifest.
    if ((this.#levels[level]?.length ?? 0) >= this.#options.spansMax) await this.#flush(level)
    const spans = (this.#levels[level] ??= [])
    spans.push(span)
  }

  async #flush(level: number): Promise<void> {
    const spans = this.#levels[level] ?? []
    this.#levels[level] = []
    const span = await this.#options.put(this.#options.depthMin + level, spans)
    await this.#addAt(level + 1, span)
  }
}
