/**
 * The figures of one metric, one cell for each combination of label values. A label has a closed
 * set of values; whatever else comes is counted as `other`, so that no caller can make series.
 * To count is to add to a number: what a request costs here is a look-up for each label.
 */
import { assert } from '@kura/core'

export const OTHER = 'other'

/** Every value that each label may have. */
export type LabelSets = Readonly<Record<string, readonly string[]>>

export type LabelValues<S extends LabelSets> = { readonly [Name in keyof S]: string }

export interface CellsOptions<S extends LabelSets, Cell> {
  readonly labels: S
  readonly create: () => Cell
  /** Combinations that are there, at 0, before anything happened; all where it is not given. */
  readonly startsWith?: ((values: LabelValues<S>) => boolean) | undefined
}

interface LabelledCell<Cell> {
  /** As it is written: `door="http",code="ok"`. */
  readonly labels: string
  readonly cell: Cell
}

/** One label deep; the last branch has the cell. No key is put together to find it. */
interface Branch<Cell> {
  readonly branches: Map<string | undefined, Branch<Cell>>
  found: LabelledCell<Cell> | undefined
}

export class MetricCells<S extends LabelSets, Cell> {
  readonly #names: readonly string[]
  readonly #sets: readonly ReadonlySet<string>[]
  readonly #create: () => Cell
  readonly #root: Branch<Cell> = { branches: new Map(), found: undefined }
  readonly #cells: LabelledCell<Cell>[] = []

  constructor(options: CellsOptions<S, Cell>) {
    this.#names = Object.keys(options.labels)
    this.#sets = Object.values(options.labels).map((values) => new Set(values))
    this.#create = options.create
    const { startsWith = () => true } = options
    for (const values of combine(options.labels)) {
      // The combination has exactly the labels of the sets.
      if (startsWith(values as LabelValues<S>)) this.of(values as LabelValues<S>)
    }
  }

  /** REQUIRES: a value for each label. */
  of(values: LabelValues<S>): Cell {
    let branch: Branch<Cell> | undefined = this.#root
    for (const name of this.#names) branch = branch?.branches.get(values[name])
    return branch?.found?.cell ?? this.#known(values)
  }

  all(): Iterable<LabelledCell<Cell>> {
    return this.#cells
  }

  /** The cell of the values with `other` in the place of what is in no set. */
  #known(values: LabelValues<S>): Cell {
    const known = this.#names.map((name, index) => {
      const value = values[name]
      assert(value !== undefined, 'every label of a metric has a value')
      return this.#sets[index]?.has(value) === true ? value : OTHER
    })
    const branch = known.reduce(branchOf, this.#root)
    if (branch.found !== undefined) return branch.found.cell
    const labels = known.map((value, index) => formatLabel(this.#names[index] ?? '', value))
    const made = { labels: labels.join(','), cell: this.#create() }
    branch.found = made
    this.#cells.push(made)
    return made.cell
  }
}

function branchOf<Cell>(parent: Branch<Cell>, value: string): Branch<Cell> {
  const known = parent.branches.get(value)
  if (known !== undefined) return known
  const branch: Branch<Cell> = { branches: new Map(), found: undefined }
  parent.branches.set(value, branch)
  return branch
}

/** `name="value"`, escaped. */
export function formatLabel(name: string, value: string): string {
  const escaped = value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
  return `${name}="${escaped}"`
}

function combine(sets: LabelSets): readonly Readonly<Record<string, string>>[] {
  let combinations: Record<string, string>[] = [{}]
  for (const [name, values] of Object.entries(sets)) {
    combinations = combinations.flatMap((one) => values.map((value) => ({ ...one, [name]: value })))
  }
  return combinations
}
