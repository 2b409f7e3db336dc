import { assert, type ExtentId } from '@kura/core'
import type { Extent } from './extent.ts'
import type { Damage, MediaVerification, ScrubStep } from './extent-report.ts'
import { scrubExtent } from './scrub-extent.ts'
import type { ScrubPiece, ScrubPieces } from './scrub-reader.ts'
import { reportDamage, type StoreContext } from './store-context.ts'

/**
 * Reads all extents of a disk, over and over, a few bytes at a time: what was written most recently
 * comes first in each pass, because that is where a mistake of the writer would still be news.
 */
export class Scrubber {
  readonly #context: StoreContext
  readonly #extents: ReadonlyMap<ExtentId, Extent>
  #waiting: Extent[] = []
  #current: ScrubPieces | undefined
  #isInPass = false
  #isStepping = false

  constructor(context: StoreContext, extents: ReadonlyMap<ExtentId, Extent>) {
    this.#context = context
    this.#extents = extents
  }

  /** Reads about `maxBytes`, at most one piece (4 MiB) more. Ends early with the end of a pass. */
  async step(maxBytes: number): Promise<ScrubStep> {
    assert(!this.#isStepping, 'a scrubber takes one step at a time')
    this.#isStepping = true
    try {
      return await this.#step(maxBytes)
    } finally {
      this.#isStepping = false
    }
  }

  async #step(maxBytes: number): Promise<ScrubStep> {
    const damages: Damage[] = []
    let bytesRead = 0
    while (bytesRead < maxBytes) {
      const piece = await this.#nextPiece()
      if (piece === undefined) return { bytesRead, damages, finishedPass: true }
      bytesRead += piece.bytesRead
      damages.push(...piece.damages)
      for (const damage of piece.damages) reportDamage(this.#context, damage, 'scrub')
    }
    return { bytesRead, damages, finishedPass: false }
  }

  /** A whole pass from the beginning. */
  async finishPass(): Promise<MediaVerification> {
    this.#isInPass = false
    this.#current = undefined
    const extentsRead = this.#extents.size
    const { bytesRead, damages } = await this.step(Number.MAX_SAFE_INTEGER)
    return { extentsRead, bytesRead, damages }
  }

  /** Undefined at the end of a pass. */
  async #nextPiece(): Promise<ScrubPiece | undefined> {
    if (!this.#isInPass) this.#beginPass()
    for (;;) {
      this.#current ??= this.#nextExtent()
      if (this.#current === undefined) {
        this.#isInPass = false
        return undefined
      }
      const piece = await this.#current.next()
      if (piece.done !== true) return piece.value
      this.#current = undefined
    }
  }

  #beginPass(): void {
    this.#isInPass = true
    // The most recently written is taken first, from the end.
    this.#waiting = [...this.#extents.values()].sort(
      (left, right) => left.lastWrittenAtMs - right.lastWrittenAtMs,
    )
  }

  #nextExtent(): ScrubPieces | undefined {
    const extent = this.#waiting.pop()
    if (extent === undefined) return undefined
    // It may have been sealed since the pass began.
    const latest = this.#extents.get(extent.page.extentId) ?? extent
    return scrubExtent(this.#context, latest)
  }
}
