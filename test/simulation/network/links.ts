/**
 * The ways between processes: how long a message takes from one to another, and whether it arrives.
 * Each direction is a way of its own, so that a cut can be one-way or between two processes only.
 */
import type { Random } from '@kura/core'
import type { Kernel } from '../kernel/kernel.ts'

export type LinkEffectKind = 'cut' | 'loss' | 'delay' | 'duplicate' | 'reorder' | 'slow' | 'reset'

/** What is wrong with every way from `from` to `to`; `*` is anybody. */
export interface LinkEffect {
  readonly from: string
  readonly to: string
  readonly effect: LinkEffectKind
  /** A probability of `loss`, `duplicate`, `reorder`; milliseconds of `delay`; factor of `slow`. */
  readonly amount: number
}

/** What TCP loses it sends again after this. */
const RETRANSMIT_MS = 200
/** A message that is overtaken comes at most this much later. */
const REORDER_MS_MAX = 500

export class Links {
  readonly #kernel: Kernel
  readonly #random: Random
  readonly #latencyMs: number
  readonly #effects = new Set<LinkEffect>()
  readonly #healed = new Set<() => void>()
  readonly #counts = new Map<LinkEffectKind, number>()

  constructor(options: { readonly kernel: Kernel; readonly latencyMs: number }) {
    this.#kernel = options.kernel
    this.#random = options.kernel.fork('network')
    this.#latencyMs = options.latencyMs
  }

  /** Messages that met an effect, by its kind. */
  get counts(): ReadonlyMap<LinkEffectKind, number> {
    return this.#counts
  }

  /** Lasts until the answer is called. */
  apply(effect: LinkEffect): () => void {
    this.#effects.add(effect)
    return () => {
      this.#effects.delete(effect)
      if (effect.effect === 'cut') this.#tellHealed()
    }
  }

  isCut(from: string, to: string): boolean {
    return this.#find('cut', from, to) !== undefined
  }

  /** Calls back at every end of a cut; whoever waits looks whether it was theirs. */
  onHealed(callback: () => void): () => void {
    this.#healed.add(callback)
    return () => this.#healed.delete(callback)
  }

  note(kind: LinkEffectKind): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
  }

  /** Whether a single message is lost; only for those that nobody sends again. */
  loses(from: string, to: string): boolean {
    if (this.isCut(from, to)) {
      this.note('cut')
      return true
    }
    return this.#happens('loss', from, to)
  }

  duplicates(from: string, to: string): boolean {
    return this.#happens('duplicate', from, to)
  }

  /** How long the next message is under way. */
  delayMs(from: string, to: string): number {
    let delayMs = this.#latencyMs * (0.5 - Math.log(1 - this.#random.next()) / 2)
    if (this.#effects.size === 0) return delayMs
    const slow = this.#find('slow', from, to)
    if (slow !== undefined) delayMs *= this.#noted(slow).amount
    const delay = this.#find('delay', from, to)
    if (delay !== undefined) delayMs += this.#noted(delay).amount
    if (this.#happens('reorder', from, to)) delayMs += REORDER_MS_MAX * this.#random.next()
    return delayMs
  }

  /** As `delayMs`, for bytes that are sent again until they arrive. */
  streamDelayMs(from: string, to: string): number {
    const lost = this.#happens('loss', from, to) ? RETRANSMIT_MS : 0
    return this.delayMs(from, to) + lost
  }

  #happens(kind: LinkEffectKind, from: string, to: string): boolean {
    const effect = this.#find(kind, from, to)
    if (effect === undefined || this.#random.next() >= effect.amount) return false
    this.note(kind)
    return true
  }

  #noted(effect: LinkEffect): LinkEffect {
    this.note(effect.effect)
    return effect
  }

  #find(kind: LinkEffectKind, from: string, to: string): LinkEffect | undefined {
    for (const effect of this.#effects) {
      if (effect.effect !== kind) continue
      if (effect.from !== '*' && effect.from !== from) continue
      if (effect.to === '*' || effect.to === to) return effect
    }
    return undefined
  }

  #tellHealed(): void {
    for (const callback of [...this.#healed]) this.#kernel.schedule(this.#kernel.world, 0, callback)
  }
}
