/**
 * Messages that are kept under way for as long as somebody wants: what a slow network, or a machine
 * between two others, does at its worst. Only messages said while the hold stands are kept.
 */
export interface HeldWay {
  readonly from: string
  readonly to: string
  /** Of the call that the message belongs to, e.g. `RecordBlocks`. */
  readonly method: string
}

export interface MessageHold {
  /** Messages kept. */
  readonly count: number
  /** They go on, in their order. */
  release(): void
}

interface Standing {
  readonly way: HeldWay
  readonly kept: (() => void)[]
}

export class MessageHolds {
  readonly #standing = new Set<Standing>()

  hold(way: HeldWay): MessageHold {
    const standing: Standing = { way, kept: [] }
    this.#standing.add(standing)
    return {
      get count() {
        return standing.kept.length
      },
      release: () => {
        this.#standing.delete(standing)
        for (const send of standing.kept.splice(0)) send()
      },
    }
  }

  /** Sends now, or when nobody keeps it any more. */
  pass(message: Pick<HeldWay, 'from' | 'to'> & { readonly path: string }, send: () => void): void {
    for (const { way, kept } of this.#standing) {
      if (way.from !== message.from || way.to !== message.to) continue
      if (!message.path.endsWith(`/${way.method}`)) continue
      kept.push(send)
      return
    }
    send()
  }
}
