/** The table of bad input at work: a zone, a healthy client beside, and what each kind left. */
import { setTimeout as sleep } from 'node:timers/promises'
import { KuraClient } from '@kura/client'
import { isKuraError, MIB, type BlockHash } from '@kura/core'
import { expect } from 'vitest'
import { makeBlock, type TestBlock } from '../blocks.ts'
import { startScenarioZone, type ScenarioZone } from '../scenario-zone.ts'
import type { BadInputCell, BadInputDoor } from './cell.ts'
import { HealthyProcess } from './healthy-process.ts'
import { pollHoldings, type Holdings } from './holdings.ts'
import { putHead } from './http-caller.ts'
import { inParallel } from './in-parallel.ts'
import { RawCaller } from './raw-caller.ts'

/** Bad requests of one kind under way at a time. */
const QUICK_PARALLELISM = 16
/** Below the connections that one door takes. */
const SLOW_PARALLELISM = 1_000
const BLOCK_SIZE_BYTES = 2_000
/** Blocks of a kind that are asked for later; a kind with more requests sends them again. */
const BLOCKS_OF_KIND_MAX = 8
const STORED_SIZE_BYTES = 4 * MIB
const QUIET_MS = 2_500
/** Longer than the longest patience of a door with a caller who has gone. */
const SETTLE_MS = 25_000
const RESIDENT_GROWTH_BYTES_MAX = 32 * MIB
/** Longer than connections to the processes behind the frontend are kept without use. */
const POOL_SETTLE_MS = 45_000
/** 16 to each of six storage nodes, and those for control. */
const MADE_SOCKETS_MAX = 110

/** Good clients are gone by then, too. */
const NOTHING_HELD = { buffers: 0, heldBytes: 0, waiters: 0, acceptedSockets: 0 }

interface Row {
  readonly name: string
  readonly requests: number
  readonly answers: string
  readonly residentBytes: number
}

export class BadInputTable implements AsyncDisposable {
  readonly #rows: Row[] = []
  #scenario: ScenarioZone | undefined
  #healthy: HealthyProcess | undefined
  #stored: TestBlock | undefined
  #before: Holdings | undefined

  get scenario(): ScenarioZone {
    return known(this.#scenario)
  }

  get healthy(): HealthyProcess {
    return known(this.#healthy)
  }

  /** A client that does everything right, by a name of its own. */
  connect(clientName: string): KuraClient {
    const { block, pocket } = this.scenario.zone.endpoints
    return new KuraClient({ servers: [block], pocket, clientName })
  }

  /** A zone that has seen some good traffic. */
  async open(): Promise<void> {
    this.#scenario = await startScenarioZone()
    const { zone } = this.#scenario
    // First of all: a client alone may have all buffers.
    await touchAllBuffers(zone.endpoints.http)
    this.#stored = makeBlock('bad input/stored', STORED_SIZE_BYTES)
    await using client = this.connect('witness')
    await client.put(this.#stored.bytes)
    await this.#expectUnknown(
      Array.from({ length: 64 }, (_, at) => makeBlock(`warm/${at}`, 9).hash),
    )
    this.#healthy = new HealthyProcess(zone)
    await this.#healthy.resume()
    await sleep(QUIET_MS)
  }

  /** What the frontend holds from now on counts as there before. `isStill`: its pools are empty. */
  async takeBefore(options: { readonly isStill: boolean }): Promise<void> {
    await this.healthy.pause()
    if (options.isStill) await sleep(POOL_SETTLE_MS)
    this.#before = await pollHoldings(this.scenario.zone, isEmpty, SETTLE_MS)
    expect(this.#before).toMatchObject(NOTHING_HELD)
    this.#rows.length = 0
    await this.healthy.report()
    await this.healthy.resume()
  }

  /** Makes `requests` bad requests of one kind; each must end as its cell says. */
  async run(place: CellPlace, requests: number): Promise<void> {
    const { cell } = place
    const attempts = Math.ceil(requests / (cell.requestsEach ?? 1))
    const blocks = new BlocksOfKind(`${place.door.name}/${cell.kind}`)
    const answers = new Map<string, number>()
    const parallelism = cell.isSlow === true ? SLOW_PARALLELISM : QUICK_PARALLELISM
    await inParallel({ count: attempts, parallelism }, async (serial) => {
      const answer = await this.send(place, { serial, blocks })
      answers.set(answer, (answers.get(answer) ?? 0) + 1)
    })
    const wrong = [...answers].filter(([answer]) => !cell.answers.includes(answer))
    expect(Object.fromEntries(wrong), nameOf(place)).toEqual({})
    expect([...answers.values()].reduce((sum, count) => sum + count, 0)).toBe(attempts)
    const [first = ''] = cell.answers
    if (cell.isSlow === true) expect([...answers.keys()], nameOf(place)).toContain(first)
    await this.#expectUnknown(blocks.hashes)
    this.#rows.push({
      name: nameOf(place),
      requests: attempts * (cell.requestsEach ?? 1),
      answers: [...answers].map(([answer, count]) => `${count}× ${answer}`).join(', '),
      residentBytes: (await pollHoldings(this.scenario.zone, () => true, 0)).residentBytes,
    })
  }

  /** One bad request; answers how it ended. */
  async send(
    { door, cell, addressOf }: CellPlace,
    { serial, blocks }: { readonly serial: number; readonly blocks: BlocksOfKind },
  ): Promise<string> {
    const make = (seed: string): TestBlock => blocks.make(serial, seed)
    const stored = known(this.#stored)
    return await cell.send(addressOf(this.scenario), {
      serial,
      stored,
      clientName: `${door.name}.${cell.kind}`.replaceAll(/[^\w.]+/g, '-').slice(0, 64),
      get block() {
        return make('block')
      },
      get other() {
        return make(`other of ${door.name}`)
      },
    })
  }

  /** Nobody asks for anything: the frontend holds what it held before, to the last descriptor. */
  async expectNothingHeld(): Promise<void> {
    const before = known(this.#before)
    await this.healthy.pause()
    const after = await pollHoldings(
      this.scenario.zone,
      (holdings) => isAsBefore(holdings, before),
      SETTLE_MS,
    )
    const { otherDescriptors } = before
    expect(after).toMatchObject({ ...NOTHING_HELD, otherDescriptors })
    expect(after.madeSockets).toBeLessThanOrEqual(MADE_SOCKETS_MAX)
    const grownMib = (after.residentBytes - before.residentBytes) / MIB
    expect(grownMib, this.#describeGrowth()).toBeLessThanOrEqual(RESIDENT_GROWTH_BYTES_MAX / MIB)
    await this.healthy.resume()
  }

  /** The same, after a wait in which also the pools to the processes behind have emptied. */
  async expectDescriptorsAsBefore(): Promise<void> {
    const before = known(this.#before)
    await this.healthy.pause()
    await sleep(POOL_SETTLE_MS / 2)
    const isSo = (holdings: Holdings): boolean => descriptorsOf(holdings) === descriptorsOf(before)
    const after = await pollHoldings(this.scenario.zone, isSo, POOL_SETTLE_MS)
    expect(descriptorsOf(after)).toBe(descriptorsOf(before))
    await this.healthy.resume()
  }

  /** What was stored before the bad requests is what comes back. */
  async expectStoredIntact(): Promise<void> {
    const stored = known(this.#stored)
    await using client = this.connect('witness')
    expect(stored.bytes.equals(await client.get(stored.hash))).toBe(true)
  }

  /** Kinds, requests and answers, for people. */
  print(): void {
    const lines = this.#rows.map(
      ({ name, requests, answers }) => `${name}: ${requests} → ${answers}`,
    )
    const requests = this.#rows.reduce((sum, row) => sum + row.requests, 0)
    const cells = new Set(this.#rows.map(({ name }) => name)).size
    lines.push(`${cells} cells, ${requests} bad requests`, this.#describeGrowth())
    process.stdout.write(`${lines.join('\n')}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#healthy?.[Symbol.asyncDispose]()
    await this.#scenario?.[Symbol.asyncDispose]()
  }

  /** The kinds after which most was resident for the first time. */
  #describeGrowth(): string {
    const before = known(this.#before).residentBytes
    let mostBytes = before
    const steps: string[] = []
    for (const { name, residentBytes } of this.#rows) {
      if (residentBytes <= mostBytes + MIB) continue
      steps.push(`+${toMib(residentBytes - mostBytes)} (${name})`)
      mostBytes = residentBytes
    }
    const most = `${toMib(before)} MiB resident before, at most ${toMib(mostBytes)}`
    return `${most}: ${steps.join(', ')}`
  }

  /** Nothing of this is stored. */
  async #expectUnknown(hashes: readonly BlockHash[]): Promise<void> {
    await using client = this.connect('witness')
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

export interface CellPlace {
  readonly door: BadInputDoor
  readonly cell: BadInputCell
  readonly addressOf: (scenario: ScenarioZone) => string
}

/** Blocks that only bad requests have; made when they are wanted. */
export class BlocksOfKind {
  readonly #name: string
  readonly #made = new Map<string, TestBlock>()

  constructor(name: string) {
    this.#name = name
  }

  get hashes(): readonly BlockHash[] {
    return [...this.#made.values()].map(({ hash }) => hash)
  }

  make(serial: number, seed: string): TestBlock {
    const name = `${this.#name}/${serial % BLOCKS_OF_KIND_MAX}/${seed}`
    const block = this.#made.get(name) ?? makeBlock(name, BLOCK_SIZE_BYTES)
    this.#made.set(name, block)
    return block
  }
}

function nameOf({ door, cell }: CellPlace): string {
  return `${door.name}: ${cell.kind}`
}

function isEmpty({ buffers, heldBytes, waiters, acceptedSockets }: Holdings): boolean {
  return buffers === 0 && heldBytes === 0 && waiters === 0 && acceptedSockets === 0
}

function isAsBefore(holdings: Holdings, before: Holdings): boolean {
  return (
    isEmpty(holdings) &&
    holdings.otherDescriptors === before.otherDescriptors &&
    holdings.residentBytes <= before.residentBytes + RESIDENT_GROWTH_BYTES_MAX
  )
}

function descriptorsOf(holdings: Holdings): number {
  return holdings.acceptedSockets + holdings.madeSockets + holdings.otherDescriptors
}

function toMib(bytes: number): string {
  return (bytes / MIB).toFixed(0)
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the table is open')
  return value
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
