/**
 * Small blocks that are put, or got, at the same time travel together: what an exchange costs is
 * the exchange, and not its bytes. Nobody waits for company; see `BatchLine`. What a frontend
 * leaves out of its answer goes alone, and is answered as anything that goes alone.
 */
import { BatchLine, untilLeft, type Clock } from '@kura/core'
import {
  BLOCKS_PER_EXCHANGE_MAX,
  EXCHANGE_BLOCKS_BYTES_MAX,
  SMALL_BLOCK_BYTES_MAX,
} from '@kura/transport'
import type { BlockClient } from '@kura/transport'
import {
  getBlock,
  putBlock,
  roomFor,
  type OutgoingBlock,
  type WantedBlock,
} from './block-operations.ts'
import { getBlocks, putBlocks, type Outcomes } from './blocks-together.ts'
import {
  PARALLELISM_MAX,
  SMALL_EXCHANGE_PATIENCE_MS,
  SMALL_EXCHANGES_MAX,
  SMALL_GETS_IN_ROW_MIN,
} from './limits.ts'
import type { PutReceipt } from './receipt.ts'
import type { Attempt } from './retry.ts'

export interface SmallPut {
  readonly attempt: Attempt
  readonly block: OutgoingBlock
}

export interface SmallGet {
  readonly attempt: Attempt
  readonly block: WantedBlock
}

/** Undefined: it goes alone. */
type Line<Item, Result> = BatchLine<Item, Result | undefined>

export class SmallBlocks {
  readonly #transport: BlockClient
  readonly #clock: Clock
  /** By address of the frontend. */
  readonly #puts = new Map<string, Line<SmallPut, PutReceipt>>()
  readonly #gets = new Map<string, Line<SmallGet, Uint8Array>>()
  /** The last gets, so many, were of small blocks. How large the next one is nobody knows. */
  #smallGetsInRow = 0

  constructor(transport: BlockClient, clock: Clock) {
    this.#transport = transport
    this.#clock = clock
  }

  /** As `putBlock`. */
  async put(attempt: Attempt, block: OutgoingBlock): Promise<PutReceipt> {
    const isSmall = block.bytes.length <= SMALL_BLOCK_BYTES_MAX
    const receipt = isSmall
      ? await wait(attempt, this.#putLine(attempt.address).add({ attempt, block }))
      : undefined
    return receipt ?? (await putBlock(this.#transport, attempt, block))
  }

  /** As `getBlock`. */
  async get(attempt: Attempt, block: WantedBlock): Promise<Uint8Array> {
    const isLikelySmall = this.#smallGetsInRow >= SMALL_GETS_IN_ROW_MIN
    const together = isLikelySmall
      ? await wait(attempt, this.#getLine(attempt.address).add({ attempt, block }))
      : undefined
    const got =
      together === undefined
        ? await getBlock(this.#transport, attempt, block)
        : placeInto(together, block.into)
    const isSmall = got.length <= SMALL_BLOCK_BYTES_MAX
    this.#smallGetsInRow = isSmall ? this.#smallGetsInRow + 1 : 0
    return got
  }

  #putLine(address: string): Line<SmallPut, PutReceipt> {
    return lineOf(this.#puts, address, {
      ...this.#lineOptions,
      run: (puts) => amongLive(puts, (live) => putBlocks(this.#transport, live)),
      weight: { of: ({ block }) => block.bytes.length, max: EXCHANGE_BLOCKS_BYTES_MAX },
    })
  }

  #getLine(address: string): Line<SmallGet, Uint8Array> {
    return lineOf(this.#gets, address, {
      ...this.#lineOptions,
      run: (gets) => amongLive(gets, (live) => getBlocks(this.#transport, live)),
    })
  }

  get #lineOptions() {
    return {
      clock: this.#clock,
      itemsMax: BLOCKS_PER_EXCHANGE_MAX,
      batchesMax: SMALL_EXCHANGES_MAX,
      // The slots of the client let no more in.
      waitingMax: PARALLELISM_MAX,
      patienceMs: SMALL_EXCHANGE_PATIENCE_MS,
    }
  }
}

function lineOf<Item, Result>(
  lines: Map<string, Line<Item, Result>>,
  address: string,
  options: ConstructorParameters<typeof BatchLine<Item, Result | undefined>>[0],
): Line<Item, Result> {
  const known = lines.get(address)
  if (known !== undefined) return known
  const line = new BatchLine(options)
  lines.set(address, line)
  return line
}

const ALONE = { status: 'fulfilled', value: undefined } as const

/** Who left while he waited needs no answer, and his bytes are not looked at any more. */
async function amongLive<Item extends { readonly attempt: Attempt }, Result>(
  items: readonly Item[],
  run: (live: readonly Item[]) => Promise<Outcomes<Result>>,
): Promise<Outcomes<Result>> {
  const live = items.filter(({ attempt }) => attempt.signal?.aborted !== true)
  const outcomes = live.length === 0 ? [] : await run(live)
  const outcomeOf = new Map(live.map((item, index) => [item, outcomes[index]]))
  return items.map((item) => outcomeOf.get(item) ?? ALONE)
}

async function wait<Result>({ signal }: Attempt, result: Promise<Result>): Promise<Result> {
  return signal === undefined ? await result : await untilLeft(signal, result)
}

/** Bytes of their own: those that came together would keep each other in memory. */
function placeInto(bytes: Uint8Array, into: Uint8Array | undefined): Uint8Array {
  const room = roomFor(bytes.length, into)
  room.set(bytes)
  return room
}
