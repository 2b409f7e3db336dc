/** What a transfer has done so far, for progress bars and demos. */

export interface Progress {
  readonly filesDone: number
  /** Undefined where it is not known beforehand. */
  readonly filesTotal: number | undefined
  /** Blocks acknowledged or verified, repeats of the same content included. */
  readonly blocksDone: number
  readonly bytesDone: number
  readonly bytesTotal: number | undefined
}

export type OnProgress = (progress: Progress) => void

/** Counts, and tells the listener after every block and file. */
export class ProgressTracker {
  #progress: Progress
  readonly #listener: OnProgress | undefined

  constructor(options: {
    readonly onProgress: OnProgress | undefined
    readonly filesTotal?: number | undefined
    readonly bytesTotal?: number | undefined
  }) {
    this.#listener = options.onProgress
    this.#progress = Object.freeze({
      filesDone: 0,
      filesTotal: options.filesTotal,
      blocksDone: 0,
      bytesDone: 0,
      bytesTotal: options.bytesTotal,
    })
  }

  get current(): Progress {
    return this.#progress
  }

  blockDone(sizeBytes: number): void {
    const { blocksDone, bytesDone } = this.#progress
    this.#update({ blocksDone: blocksDone + 1, bytesDone: bytesDone + sizeBytes })
  }

  /** A file is read again: what was counted of it does not count. */
  takeBack(counted: { readonly blockCount: number; readonly sizeBytes: number }): void {
    const { blocksDone, bytesDone } = this.#progress
    this.#update({
      blocksDone: blocksDone - counted.blockCount,
      bytesDone: bytesDone - counted.sizeBytes,
    })
  }

  fileDone(): void {
    this.#update({ filesDone: this.#progress.filesDone + 1 })
  }

  #update(change: Partial<Progress>): void {
    this.#progress = Object.freeze({ ...this.#progress, ...change })
    this.#listener?.(this.#progress)
  }
}
