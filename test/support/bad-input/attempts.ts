/** One bad request with all it needs: where it goes, and blocks that only bad requests have. */
import type { LocalZone } from '@kura/local'
import { MIB, type BlockHash } from '@kura/core'
import { makeBlock, type TestBlock } from '../blocks.ts'
import type { BadInputCell, BadInputDoor, ExtentPlace } from './cell.ts'

const BLOCK_SIZE_BYTES = 2_000
/** Blocks of a kind that are asked for later; a kind with more requests sends them again. */
const BLOCKS_OF_KIND_MAX = 4
const STORED_SIZE_BYTES = 4 * MIB

/** Where bad requests go. */
export interface Target {
  readonly endpoints: LocalZone['endpoints']
  /** The listener of one storage node, and an extent of it that takes records. */
  readonly node: string
  readonly extent: ExtentPlace
}

export interface DoorPlace {
  readonly door: BadInputDoor
  readonly addressOf: (target: Target) => string
  readonly process: 'frontend' | 'storage-node'
}

export interface CellPlace extends DoorPlace {
  readonly cell: BadInputCell
}

export function cellsOf(doors: readonly DoorPlace[]): readonly CellPlace[] {
  return doors.flatMap((place) => place.door.cells.map((cell) => ({ ...place, cell })))
}

/** The one block that is stored before all bad requests. */
export function storedBlock(): TestBlock {
  return makeBlock('bad input/stored', STORED_SIZE_BYTES)
}

/** Blocks that only bad requests of a kind have; made when they are wanted. */
export class BlocksOfKind {
  readonly #door: string
  readonly #kind: string
  readonly #made = new Map<string, TestBlock>()

  constructor({ door, cell }: CellPlace) {
    this.#door = door.name
    this.#kind = cell.kind
  }

  /** Of all blocks that were made. */
  get hashes(): readonly BlockHash[] {
    return [...this.#made.values()].map(({ hash }) => hash)
  }

  block(serial: number): TestBlock {
    return this.#make(`${this.#door}/${this.#kind}/${serial % BLOCKS_OF_KIND_MAX}/block`)
  }

  /** The same hash at no two doors, whatever they have in common. */
  other(serial: number): TestBlock {
    return this.#make(`${this.#door}/${this.#kind}/${serial % BLOCKS_OF_KIND_MAX}/other`)
  }

  /** Makes all that any number of requests has. */
  makeAll(): void {
    for (let serial = 0; serial < BLOCKS_OF_KIND_MAX; serial += 1) {
      this.block(serial)
      this.other(serial)
    }
  }

  #make(name: string): TestBlock {
    const block = this.#made.get(name) ?? makeBlock(name, BLOCK_SIZE_BYTES)
    this.#made.set(name, block)
    return block
  }
}

/** Makes one bad request; answers how it ended. */
export async function sendAttempt(
  { door, cell, addressOf }: CellPlace,
  attempt: {
    readonly target: Target
    readonly stored: TestBlock
    readonly blocks: BlocksOfKind
    readonly serial: number
  },
): Promise<string> {
  const { target, stored, blocks, serial } = attempt
  return await cell.send(addressOf(target), {
    serial,
    stored,
    extent: target.extent,
    clientName: `${door.name}.${cell.kind}`.replaceAll(/[^\w.]+/g, '-').slice(0, 64),
    get block() {
      return blocks.block(serial)
    },
    get other() {
      return blocks.other(serial)
    },
  })
}
