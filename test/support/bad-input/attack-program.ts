/**
 * A process that sends bad requests when it is told to: its memory and its work are not the test's.
 * Its arguments are a target and its own niceness; an order names cells by their place in the
 * table.
 */
import { setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { BlocksOfKind, cellsOf, sendAttempt, storedBlock, type CellPlace } from './attempts.ts'
import type { Target } from './attempts.ts'
import { ALL_DOORS } from './doors.ts'
import { inParallel } from './in-parallel.ts'

/** Bad requests of one quick kind under way at a time. */
const QUICK_PARALLELISM = 16
/** Of a kind whose callers only wait; all of a door are below the connections that it takes. */
const SLOW_PARALLELISM = 250
/** Of a kind that holds buffers: far more than it finds, so that some are refused. */
const HOLDING_PARALLELISM = 48

/** Answers and how often each came, by the place of a cell in the table. */
export type Answers = Readonly<Record<number, Readonly<Record<string, number>>>>

export type AttackOrder =
  /** So many bad requests of each kind, all kinds side by side. */
  | { readonly kind: 'count'; readonly cells: readonly number[]; readonly requests: number }
  /** Kinds by turns, at a steady rate, for so long. */
  | {
      readonly kind: 'rate'
      readonly cells: readonly number[]
      readonly attemptsPerSecond: number
      readonly durationMs: number
    }

class Attacker {
  readonly #target: Target
  readonly #places = cellsOf(ALL_DOORS)
  readonly #stored = storedBlock()
  #answers: Record<number, Record<string, number>> = {}

  constructor(target: Target) {
    this.#target = target
  }

  async obey(order: AttackOrder): Promise<Answers> {
    this.#answers = {}
    if (order.kind === 'count') await this.#sendCount(order)
    else await this.#sendAtRate(order)
    return this.#answers
  }

  async #sendCount(order: { readonly cells: readonly number[]; readonly requests: number }) {
    const runs = order.cells.map(async (cellIndex) => {
      const place = this.#placeOf(cellIndex)
      const count = Math.ceil(order.requests / (place.cell.requestsEach ?? 1))
      await inParallel({ count, parallelism: parallelismOf(place) }, async (serial) => {
        await this.#send(cellIndex, serial)
      })
    })
    await Promise.all(runs)
  }

  /** A request that takes long delays no other; all have ended at the end. */
  async #sendAtRate(order: AttackOrder & { readonly kind: 'rate' }): Promise<void> {
    const { cells, attemptsPerSecond, durationMs } = order
    const sent: Promise<void>[] = []
    const startedAtMs = performance.now()
    for (let serial = 0; performance.now() - startedAtMs < durationMs; serial += 1) {
      sent.push(this.#send(cells[serial % cells.length] ?? 0, serial))
      const nextAtMs = startedAtMs + ((serial + 1) * 1_000) / attemptsPerSecond
      await sleep(Math.max(0, nextAtMs - performance.now()))
    }
    await Promise.all(sent)
  }

  async #send(cellIndex: number, serial: number): Promise<void> {
    const place = this.#placeOf(cellIndex)
    const blocks = new BlocksOfKind(place)
    const around = { target: this.#target, stored: this.#stored, blocks }
    let answer: string
    try {
      answer = await sendAttempt(place, { ...around, serial })
    } catch (error) {
      answer = String(error)
    }
    const answers = (this.#answers[cellIndex] ??= {})
    answers[answer] = (answers[answer] ?? 0) + 1
  }

  #placeOf(cellIndex: number): CellPlace {
    const place = this.#places[cellIndex]
    if (place === undefined) throw new Error('an order names cells of the table')
    return place
  }
}

function parallelismOf({ cell }: CellPlace): number {
  if (cell.isSlow !== true) return QUICK_PARALLELISM
  return cell.holdsBuffer === true ? HOLDING_PARALLELISM : SLOW_PARALLELISM
}

setPriority(Number(process.argv[3] ?? 0))
const attacker = new Attacker(JSON.parse(process.argv[2] ?? '') as Target)
process.on('message', (order: AttackOrder) => {
  void attacker.obey(order).then((answers) => process.send?.(answers))
})
process.on('disconnect', () => process.exit(0))
