/**
 * A sabotage: the product with one promise broken, for a test run only. The product knows nothing
 * of it; its source is changed while it is loaded.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The name of the variant that this process runs; unset: the product as it is. */
export const VARIANT_VARIABLE = 'KURA_SABOTAGE'

export const repositoryRoot = resolve(import.meta.dirname, '../..')

/** One change of a source file. `fragment` is in the file exactly once. */
export interface SourceEdit {
  readonly file: string
  readonly fragment: string
  readonly replacement: string
}

/** A test that must fail under a variant, and what its failure says. */
export interface Catcher {
  readonly file: string
  /** A part of its title, with those of its groups, that no other test of the file has. */
  readonly test: string
  /** A sentence of the check that broke: a crash of the harness says something else. */
  readonly says: RegExp
}

export interface Variant {
  readonly name: string
  /** What is broken, for people. */
  readonly what: string
  readonly edits: readonly SourceEdit[]
  readonly caughtBy: readonly Catcher[]
  /** Real power cuts, of which one at least must catch it, too. */
  readonly powerCutCount?: number
}

/** Without the titles of its groups. */
export function ownTitle({ test }: Pick<Catcher, 'test'>): string {
  return test.split(' > ').at(-1) ?? test
}

/** The source with the edits. Throws where a fragment is not there exactly once. */
export function applyEdits(source: string, edits: readonly SourceEdit[]): string {
  return edits.reduce((text, { file, fragment, replacement }) => {
    const pieces = text.split(fragment)
    if (pieces.length !== 2) {
      throw new Error(`${file} has ${pieces.length - 1} times, not once:\n${fragment}`)
    }
    return pieces.join(replacement)
  }, source)
}

/** The changed source of each file that the variant changes, by its path from the root. */
export function sabotagedSources({ edits }: Pick<Variant, 'edits'>): ReadonlyMap<string, string> {
  const byFile = Map.groupBy(edits, ({ file }) => file)
  return new Map(
    [...byFile].map(([file, edits]) => {
      const source = readFileSync(join(repositoryRoot, file), 'utf8')
      return [file, applyEdits(source, edits)]
    }),
  )
}
