/** The cells of the zone with their weights, and their storage nodes. */
import { parseCellId, parseOsdId, type CellId, type OsdId } from '@kura/core'
import type { KuraDatabase, Statement } from '@kura/database'

export interface RegisteredCell {
  readonly cellId: CellId
  /** Share of new puts; 0: none. */
  readonly weight: number
}

export interface RegisteredNode {
  readonly cellId: CellId
  readonly osdId: OsdId
}

interface CellRow {
  readonly cell_id: number
  readonly weight: number
}

interface NodeRow {
  readonly cell_id: number
  readonly osd_id: number
}

/** Writes: REQUIRES a transaction of the registry. */
export class CellTable {
  readonly #selectCells: Statement<CellRow>
  readonly #insertCell: Statement<never>
  readonly #updateWeight: Statement<never>
  readonly #selectNodes: Statement<NodeRow>
  readonly #insertNode: Statement<never>

  constructor(database: KuraDatabase) {
    this.#selectCells = database.prepare('select cell_id, weight from cells order by cell_id')
    this.#insertCell = database.prepare('insert into cells values (?, ?, ?)')
    this.#updateWeight = database.prepare('update cells set weight = ? where cell_id = ?')
    this.#selectNodes = database.prepare(
      'select cell_id, osd_id from nodes order by cell_id, osd_id',
    )
    this.#insertNode = database.prepare(
      'insert into nodes values (?, ?, ?) on conflict (cell_id, osd_id) do nothing',
    )
  }

  cells(): readonly RegisteredCell[] {
    return this.#selectCells
      .all()
      .map((row) => Object.freeze({ cellId: parseCellId(row.cell_id), weight: row.weight }))
  }

  nodes(): readonly RegisteredNode[] {
    return this.#selectNodes
      .all()
      .map((row) =>
        Object.freeze({ cellId: parseCellId(row.cell_id), osdId: parseOsdId(row.osd_id) }),
      )
  }

  insertCell(cell: RegisteredCell & { readonly registeredAtMs: number }): void {
    this.#insertCell.run(cell.cellId, cell.weight, cell.registeredAtMs)
  }

  updateWeight({ cellId, weight }: RegisteredCell): void {
    this.#updateWeight.run(weight, cellId)
  }

  /** Nothing happens where the node is known. */
  insertNode(node: RegisteredNode & { readonly registeredAtMs: number }): void {
    this.#insertNode.run(node.cellId, node.osdId, node.registeredAtMs)
  }
}
