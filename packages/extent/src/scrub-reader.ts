/** Reads stretches of one extent from the medium for the scrubber and checks them in place. */
import { BLOCK_SIZE_BYTES_MAX, PAGE_SIZE_BYTES } from '@kura/core'
import type { Extent } from './extent.ts'
import type { Damage, ExtentPart } from './extent-report.ts'
import { findAnyFlaw } from './read-record.ts'
import { recordSpaceBytes } from './record-header.ts'
import type { RecordLocation } from './record-index.ts'
import { ScanWindow } from './scan-window.ts'
import { withSlab, type StoreContext } from './store-context.ts'

/** What one piece of work read and found. */
export interface ScrubPiece {
  readonly bytesRead: number
  readonly damages: readonly Damage[]
}

export type ScrubPieces = AsyncGenerator<ScrubPiece, void, undefined>

/** The largest record, which is also the longest stretch read at once. */
export const SCRUB_PIECE_BYTES_MAX = PAGE_SIZE_BYTES + BLOCK_SIZE_BYTES_MAX

export class ScrubReader {
  readonly #context: StoreContext
  readonly #extent: Extent

  constructor(context: StoreContext, extent: Extent) {
    this.#context = context
    this.#extent = extent
  }

  /** Past the page cache. `check` sees the bytes only while it runs. */
  async inspect<T>(
    span: { readonly offsetBytes: number; readonly sizeBytes: number },
    check: (bytes: Buffer) => T,
  ): Promise<T> {
    return await withSlab(this.#context, BLOCK_SIZE_BYTES_MAX, (slab) =>
      this.#context.files.use(this.#extent.path, true, async (file) =>
        check(await new ScanWindow(file, slab).read(span.offsetBytes, span.sizeBytes)),
      ),
    )
  }

  /** Records in the order of their offsets, many to a read where they are small. */
  async *records(recordAt: (position: number) => RecordLocation | undefined): ScrubPieces {
    let position = 0
    for (;;) {
      const run = takeRun(recordAt, position)
      const [first] = run
      const last = run.at(-1)
      if (first === undefined || last === undefined) return
      const { offsetBytes } = first
      const sizeBytes = endOf(last) - offsetBytes
      const damages = await this.inspect({ offsetBytes, sizeBytes }, (bytes) =>
        run.flatMap((location) =>
          this.#checkRecord(bytes.subarray(location.offsetBytes - offsetBytes), location),
        ),
      )
      yield { bytesRead: sizeBytes, damages }
      position += run.length
    }
  }

  damage(part: ExtentPart, offsetBytes: number): Damage {
    return { extentId: this.#extent.page.extentId, part, offsetBytes }
  }

  #checkRecord(bytes: Buffer, location: RecordLocation): Damage[] {
    const record = bytes.subarray(0, recordSpaceBytes(location.sizeBytes))
    const { page, path } = this.#extent
    const flaw = findAnyFlaw(record, { page, path, location })
    if (flaw === undefined) return []
    const offsetBytes = location.offsetBytes + flaw.startBytes
    return [{ ...this.damage(flaw.part, offsetBytes), hash: location.hash }]
  }
}

export function endOf(location: RecordLocation): number {
  return location.offsetBytes + recordSpaceBytes(location.sizeBytes)
}

/** As many records from `position` on as fit into one read. */
function takeRun(
  recordAt: (position: number) => RecordLocation | undefined,
  position: number,
): RecordLocation[] {
  const run: RecordLocation[] = []
  for (;;) {
    const next = recordAt(position + run.length)
    if (next === undefined) return run
    const startBytes = run[0]?.offsetBytes ?? next.offsetBytes
    if (endOf(next) - startBytes > SCRUB_PIECE_BYTES_MAX) return run
    run.push(next)
  }
}
