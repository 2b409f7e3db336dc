/**
 * A proof: blocks are written and read back while processes are killed; then, with everything
 * running again, every block is read once more, from the door and from each of its copies. What is
 * not whole then is read again until it is, or until the heal wait is over.
 */
import { KuraError, type BlockHash, type Clock, type Random } from '@kura/core'
import type { CopyReader, KuraClient } from '@kura/client'
import type { Disturber } from './disturber.ts'
import { fateOf, findBlock, readServed, type Findings } from './findings.ts'
import type { Ledger } from './ledger.ts'
import {
  AUDIT_GAP_MS,
  AUDITORS,
  FINAL_READERS,
  READ_AGAIN_MS,
  READ_TIMEOUT_MS,
  WRITERS,
} from './limits.ts'
import { makeProofBlock, type ProofContent } from './proof-block.ts'
import type { Tally } from './tally.ts'

export interface ProverOptions {
  readonly client: KuraClient
  readonly reader: CopyReader
  readonly ledger: Ledger
  readonly tally: Tally
  /** Undefined where it may kill nobody. */
  readonly disturber: Disturber | undefined
  readonly content: ProofContent
  readonly durationMs: number
  readonly blocksPerSecond: number
  readonly putTimeoutMs: number
  readonly healWaitMs: number
  readonly clock: Clock
  readonly random: Random
  /** Ends the writing early. */
  readonly signal: AbortSignal
}

/** What a prover does now. */
export type Phase =
  | { readonly name: 'writing'; readonly leftMs: number }
  | { readonly name: 'reading'; readonly leftCount: number }

export class Prover {
  readonly #options: ProverOptions
  readonly #endsAtMs: number
  readonly #never = new AbortController().signal
  readonly #hindrances: string[] = []
  /** Numbers of the blocks that are read at the end, this time round. */
  #remaining: readonly number[] | undefined
  #doneCount = 0

  constructor(options: ProverOptions) {
    this.#options = options
    this.#endsAtMs = options.clock.monotonicMs() + options.durationMs
  }

  get phase(): Phase {
    const leftMs = Math.max(0, this.#endsAtMs - this.#options.clock.monotonicMs())
    if (this.#remaining === undefined) return { name: 'writing', leftMs }
    return { name: 'reading', leftCount: this.#remaining.length - this.#doneCount }
  }

  /** What kept the run from doing all it wanted. */
  get hindrances(): readonly string[] {
    return this.#hindrances
  }

  async run(): Promise<void> {
    await this.#write()
    await this.#readEverything()
  }

  async #write(): Promise<void> {
    const { clock, signal, durationMs } = this.#options
    const over = new AbortController()
    const cancelTimer = clock.schedule(durationMs, () => over.abort())
    const until = AbortSignal.any([signal, over.signal])
    const startedAtMs = clock.monotonicMs()
    try {
      // A failure of one is a bug; the others end before it is told.
      const lanes = [
        ...Array.from({ length: WRITERS }, () => this.#writeUntil(until, startedAtMs)),
        ...Array.from({ length: AUDITORS }, () => this.#auditUntil(until)),
        this.#disturbUntil(until),
      ].map((lane) => lane.finally(() => over.abort()))
      await Promise.allSettled(lanes)
      await Promise.all(lanes)
    } finally {
      cancelTimer()
    }
  }

  async #writeUntil(until: AbortSignal, startedAtMs: number): Promise<void> {
    const { clock, ledger, blocksPerSecond } = this.#options
    while (!until.aborted) {
      const dueAtMs = startedAtMs + (ledger.begun * 1000) / blocksPerSecond
      const delayMs = dueAtMs - clock.monotonicMs()
      if (delayMs > 0) {
        await clock.sleep(delayMs, { signal: until }).catch(() => undefined)
        continue
      }
      const serial = ledger.begin()
      if (serial === undefined) {
        this.#hindrances.push('the ledger of blocks is full')
        return
      }
      await this.#writeBlock(serial)
    }
  }

  /** Puts and, where that was acknowledged, gets it at once. */
  async #writeBlock(serial: number): Promise<void> {
    const { client, reader, ledger, tally, content, putTimeoutMs } = this.#options
    const { hash, bytes } = makeProofBlock(content, serial)
    try {
      await client.put(bytes, { timeoutMs: putTimeoutMs })
    } catch (error) {
      if (error instanceof KuraError) return
      throw error
    }
    ledger.acknowledge(serial)
    tally.noteWritten(bytes.length)
    const { served } = await readServed(reader, hash, this.#limits())
    tally.noteReading(hash, { served, copies: undefined }, { isAcknowledged: true })
  }

  /** Reads what was acknowledged at any time before, and its copies, in no order. */
  async #auditUntil(until: AbortSignal): Promise<void> {
    const { ledger, random, clock } = this.#options
    while (!until.aborted) {
      const serial = ledger.pick(random)
      if (serial !== undefined) await this.#read(serial, { isAcknowledged: true })
      await clock.sleep(AUDIT_GAP_MS, { signal: until }).catch(() => undefined)
    }
  }

  async #disturbUntil(until: AbortSignal): Promise<void> {
    const { disturber, clock } = this.#options
    if (disturber === undefined) {
      // The others end when one lane does.
      await clock.sleep(this.#options.durationMs, { signal: until }).catch(() => undefined)
      return
    }
    try {
      await disturber.run(until)
    } catch (error) {
      if (!(error instanceof KuraError)) throw error
      this.#hindrances.push(`nothing more was killed: ${error.message}`)
      await clock.sleep(this.#options.durationMs, { signal: until }).catch(() => undefined)
    }
  }

  async #readEverything(): Promise<void> {
    const { ledger, clock, healWaitMs, tally } = this.#options
    await this.#forEach([...ledger.unknown], async (serial) => {
      // May be there or not; must not be something else.
      await this.#read(serial, { isAcknowledged: false })
    })
    let remaining: readonly number[] = ledger.acknowledged
    let endsAtMs: number | undefined
    for (;;) {
      const notWhole = await this.#readAll(remaining)
      endsAtMs ??= clock.monotonicMs() + healWaitMs
      if (notWhole.length === 0 || clock.monotonicMs() >= endsAtMs) {
        for (const block of notWhole) tally.noteFate(block.hash, block.findings)
        return
      }
      remaining = notWhole.map(({ serial }) => serial)
      await clock.sleep(READ_AGAIN_MS)
    }
  }

  /** Answers those that are not whole; of the others the tally is told. */
  async #readAll(serials: readonly number[]): Promise<readonly FoundBlock[]> {
    const { tally } = this.#options
    const notWhole: FoundBlock[] = []
    await this.#forEach(serials, async (serial) => {
      const found = await this.#read(serial, { isAcknowledged: true })
      if (fateOf(found.findings) === 'whole') tally.noteFate(found.hash, found.findings)
      else notWhole.push(found)
    })
    return notWhole
  }

  async #forEach(
    serials: readonly number[],
    work: (serial: number) => Promise<void>,
  ): Promise<void> {
    this.#remaining = serials
    this.#doneCount = 0
    const queue = serials.values()
    const workInTurn = async (): Promise<void> => {
      for (const serial of queue) {
        await work(serial)
        this.#doneCount += 1
      }
    }
    await Promise.all(Array.from({ length: FINAL_READERS }, workInTurn))
  }

  async #read(serial: number, kind: { readonly isAcknowledged: boolean }): Promise<FoundBlock> {
    const { reader, tally, content } = this.#options
    const { hash } = makeProofBlock(content, serial)
    const findings = await findBlock(reader, hash, this.#limits())
    tally.noteReading(hash, findings, kind)
    return { serial, hash, findings }
  }

  #limits() {
    return { timeoutMs: READ_TIMEOUT_MS, signal: this.#never }
  }
}

interface FoundBlock {
  readonly serial: number
  readonly hash: BlockHash
  readonly findings: Findings
}
