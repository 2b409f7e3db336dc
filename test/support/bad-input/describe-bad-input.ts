/**
 * The table of bad input as tests, one for each cell, against a zone of real processes.
 *
 * Goal: whatever a stranger sends, the answer is a typed error or the end of the connection,
 * nothing is stored, nothing stays behind, and others do not notice. Method: a healthy client puts
 * and gets all the time. Each cell sends its bad request many times and checks every answer; then
 * the healthy client pauses, and the frontend must hold nothing for anybody: no buffer, no byte, no
 * connection, no descriptor. Slow cells run beside each other, because they wait for the server's
 * patience to end. Then the healthy client's latency is compared with that in quiet, and memory is
 * shown to have levelled off: the large bodies come once more, and it grows no further.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { KuraClient } from '@kura/client'
import { isKuraError, MIB, type BlockHash } from '@kura/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeBlock, type TestBlock } from '../blocks.ts'
import { startScenarioZone, type ScenarioZone } from '../scenario-zone.ts'
import type { Attempt, BadInputCell, BadInputDoor } from './cell.ts'
import { HealthyCaller } from './healthy-caller.ts'
import { pollHoldings, type Holdings } from './holdings.ts'
import { putHead } from './http-caller.ts'
import { RawCaller } from './raw-caller.ts'

/** Bad requests of one kind under way at a time. */
const QUICK_PARALLELISM = 16
const SLOW_PARALLELISM = 100
const BLOCK_SIZE_BYTES = 2_000
const STORED_SIZE_BYTES = 4 * MIB
const QUIET_MS = 2_500
const SETTLE_MS = 8_000
const MEMORY_SETTLE_MS = 20_000
const RESIDENT_GROWTH_BYTES_MAX = 32 * MIB
/** Connections that a frontend keeps to the processes behind it; a pool of them breathes. */
const INNER_CONNECTIONS_MAX = 120
/**
 * p99 may double. Callers, zone and measurement share one machine, so that some of what is measured
 * is their own work; without fair admission slow callers would cost seconds.
 */
const P99_FACTOR_MAX = 2
const P99_FLOOR_MS = 500
const LARGE_KINDS = ['a body of 4 MiB + 1', 'an endless body']
const CELL_TIMEOUT_MS = 10 * 60_000

export interface BadInputOptions {
  readonly doors: readonly {
    readonly door: BadInputDoor
    readonly addressOf: (scenario: ScenarioZone) => string
  }[]
  /** Bad requests of each kind. */
  readonly attempts: number
}

export function describeBadInput({ doors, attempts }: BadInputOptions): void {
  const table = new BadInputTable(attempts)
  beforeAll(async () => {
    await table.open()
  })
  afterAll(async () => {
    await table[Symbol.asyncDispose]()
  })

  for (const { door, addressOf } of doors) {
    const run = async (cell: BadInputCell): Promise<void> => {
      await table.run(door, cell, addressOf(table.scenario))
    }
    describe(`${door.name} door`, () => {
      it.each(door.cells.filter((cell) => cell.isSlow !== true))(
        `$kind, ${attempts} times: typed, not stored, nothing left`,
        { timeout: CELL_TIMEOUT_MS },
        async (cell) => {
          await run(cell)
          await table.expectNothingHeld()
        },
      )
    })
  }

  it('meanwhile the healthy client waited at most twice as long', () => {
    table.expectHealthy()
  })

  describe('patience', { concurrent: true }, () => {
    for (const { door, addressOf } of doors) {
      it.each(door.cells.filter((cell) => cell.isSlow === true))(
        `${door.name} door: $kind, ${attempts} times: ended in time, not stored`,
        { timeout: CELL_TIMEOUT_MS },
        async (cell) => {
          await table.run(door, cell, addressOf(table.scenario))
        },
      )
    }
  })

  it('after the slow ones, too, nothing is left and nobody had to wait', async () => {
    table.expectHealthy()
    await table.expectNothingHeld()
  })

  it('memory has levelled off: large bodies once more add less than 32 MiB', async () => {
    await table.expectMemoryLevel(async () => {
      for (const { door, addressOf } of doors) {
        const large = door.cells.filter(({ kind }) => LARGE_KINDS.includes(kind))
        for (const cell of large) await table.run(door, cell, addressOf(table.scenario))
      }
    })
  })
}

class BadInputTable implements AsyncDisposable {
  readonly #attempts: number
  #scenario: ScenarioZone | undefined
  #healthy: HealthyCaller | undefined
  #client: KuraClient | undefined
  #stored: TestBlock | undefined
  #before: Holdings | undefined
  #quietP99Ms = 0

  constructor(attempts: number) {
    this.#attempts = attempts
  }

  get scenario(): ScenarioZone {
    return known(this.#scenario)
  }

  /** A zone that has seen some traffic, so that what is compared later is not its first. */
  async open(): Promise<void> {
    this.#scenario = await startScenarioZone()
    const { zone } = this.#scenario
    // First of all: a client alone may have all buffers.
    await touchAllBuffers(zone.endpoints.http)
    const { block, pocket } = zone.endpoints
    this.#client = new KuraClient({ servers: [block], pocket, clientName: 'witness' })
    this.#stored = makeBlock('bad input/stored', STORED_SIZE_BYTES)
    await this.#client.put(this.#stored.bytes)
    await this.#expectUnknown(
      Array.from({ length: 64 }, (_, at) => makeBlock(`warm/${at}`, 9).hash),
    )
    this.#healthy = new HealthyCaller(zone)
    this.#healthy.resume()
    await sleep(QUIET_MS / 2)
    this.#healthy.takeP99()
    await sleep(QUIET_MS)
    this.#quietP99Ms = this.#healthy.takeP99().p99Ms
    await this.#healthy.pause()
    this.#before = await pollHoldings(zone, isEmpty, SETTLE_MS)
    this.#healthy.resume()
  }

  async run(door: BadInputDoor, cell: BadInputCell, address: string): Promise<void> {
    const answers = new Map<string, number>()
    const hashes: BlockHash[] = []
    const parallelism = cell.isSlow === true ? SLOW_PARALLELISM : QUICK_PARALLELISM
    await inParallel({ count: this.#attempts, parallelism }, async (serial) => {
      const make = (seed: string): TestBlock => {
        const block = makeBlock(`${door.name}/${cell.kind}/${serial}/${seed}`, BLOCK_SIZE_BYTES)
        hashes.push(block.hash)
        return block
      }
      const stored = known(this.#stored)
      const attempt = new FreshAttempt({ serial, stored, make })
      const answer = await cell.send(address, attempt)
      answers.set(answer, (answers.get(answer) ?? 0) + 1)
    })
    const wrong = [...answers].filter(([answer]) => !cell.answers.includes(answer))
    expect(Object.fromEntries(wrong)).toEqual({})
    expect([...answers.values()].reduce((sum, count) => sum + count, 0)).toBe(this.#attempts)
    await this.#expectUnknown(hashes)
  }

  /** Nobody asks for anything: the frontend holds nothing for anybody. */
  async expectNothingHeld(): Promise<void> {
    const healthy = known(this.#healthy)
    const before = known(this.#before)
    await healthy.pause()
    const isAsBefore = (holdings: Holdings): boolean =>
      isEmpty(holdings) && holdings.acceptedSockets <= before.acceptedSockets
    const after = await pollHoldings(this.scenario.zone, isAsBefore, SETTLE_MS)
    expect(after).toMatchObject({ buffers: 0, heldBytes: 0, waiters: 0 })
    expect(after.acceptedSockets).toBeLessThanOrEqual(before.acceptedSockets)
    expect(after.otherDescriptors).toBeLessThanOrEqual(
      before.otherDescriptors + INNER_CONNECTIONS_MAX,
    )
    healthy.resume()
  }

  expectHealthy(): void {
    const healthy = known(this.#healthy)
    expect(healthy.failures).toEqual([])
    const { p99Ms, count } = healthy.takeP99()
    process.stdout.write(
      `healthy client: p99 ${p99Ms.toFixed(1)} ms of ${count} operations, ` +
        `${this.#quietP99Ms.toFixed(1)} ms in quiet\n`,
    )
    expect(count).toBeGreaterThan(100)
    expect(p99Ms).toBeLessThanOrEqual(Math.max(P99_FLOOR_MS, P99_FACTOR_MAX * this.#quietP99Ms))
  }

  async expectMemoryLevel(again: () => Promise<void>): Promise<void> {
    await known(this.#healthy).pause()
    const { residentBytes } = await pollHoldings(this.scenario.zone, isEmpty, SETTLE_MS)
    await again()
    const mostBytes = residentBytes + RESIDENT_GROWTH_BYTES_MAX
    const isSmall = (holdings: Holdings): boolean => holdings.residentBytes <= mostBytes
    const after = await pollHoldings(this.scenario.zone, isSmall, MEMORY_SETTLE_MS)
    process.stdout.write(
      `resident: ${toMib(known(this.#before).residentBytes)} MiB before the table, ` +
        `${toMib(residentBytes)} MiB behind it, ${toMib(after.residentBytes)} MiB at the end\n`,
    )
    expect(after.residentBytes).toBeLessThanOrEqual(mostBytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#healthy?.[Symbol.asyncDispose]()
    this.#client?.close()
    await this.#scenario?.[Symbol.asyncDispose]()
  }

  /** Nothing of this is stored. */
  async #expectUnknown(hashes: readonly BlockHash[]): Promise<void> {
    const client = known(this.#client)
    const found: BlockHash[] = []
    await inParallel({ count: hashes.length, parallelism: QUICK_PARALLELISM }, async (index) => {
      const hash = known(hashes[index])
      try {
        await client.stat(hash)
        found.push(hash)
      } catch (error) {
        if (!isKuraError(error, 'not-found')) throw error
      }
    })
    expect(found).toEqual([])
  }
}

/** Makes the blocks that a request wants, so that no others need be looked for later. */
class FreshAttempt implements Attempt {
  readonly serial: number
  readonly stored: TestBlock
  readonly #make: (seed: string) => TestBlock
  #block: TestBlock | undefined
  #other: TestBlock | undefined

  constructor(parts: {
    readonly serial: number
    readonly stored: TestBlock
    readonly make: (seed: string) => TestBlock
  }) {
    this.serial = parts.serial
    this.stored = parts.stored
    this.#make = parts.make
  }

  get block(): TestBlock {
    this.#block ??= this.#make('block')
    return this.#block
  }

  get other(): TestBlock {
    this.#other ??= this.#make('other')
    return this.#other
  }
}

function isEmpty({ buffers, heldBytes, waiters }: Holdings): boolean {
  return buffers === 0 && heldBytes === 0 && waiters === 0
}

function toMib(bytes: number): string {
  return (bytes / MIB).toFixed(0)
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the table is open')
  return value
}

async function inParallel(
  work: { readonly count: number; readonly parallelism: number },
  run: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < work.count) {
      next += 1
      await run(next - 1)
    }
  }
  await Promise.all(Array.from({ length: Math.min(work.parallelism, work.count) }, worker))
}

/** Memory of a buffer counts from its first use on; here each has it. Nothing is stored. */
async function touchAllBuffers(http: string): Promise<void> {
  const bytes = Buffer.alloc(STORED_SIZE_BYTES - 1, 7)
  const callers = Array.from({ length: 32 }, () => new RawCaller(http))
  const { hash } = makeBlock('bad input/touch', 9)
  await Promise.all(
    callers.map(async (caller) => {
      await caller.write(putHead(hash, STORED_SIZE_BYTES))
      await caller.write(bytes)
    }),
  )
  await sleep(300)
  for (const caller of callers) caller[Symbol.dispose]()
}
