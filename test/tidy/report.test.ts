/**
 * Prints the longest functions and files, for people to read. It fails only when it saw nothing.
 */
import ts from 'typescript'
import { expect, test } from 'vitest'
import { filesMatching, readText } from './repository.ts'

const SHOWN = 8

interface Length {
  readonly name: string
  readonly lines: number
}

function functionsOf(path: string): Length[] {
  const source = ts.createSourceFile(path, readText(path), ts.ScriptTarget.Latest, true)
  const found: Length[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const start = source.getLineAndCharacterOfPosition(node.getStart()).line
      const end = source.getLineAndCharacterOfPosition(node.end).line
      const name = node.name?.getText() ?? 'anonymous'
      found.push({ name: `${path}:${start + 1} ${name}`, lines: end - start + 1 })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function longest(lengths: readonly Length[]): string {
  return lengths
    .toSorted((left, right) => right.lines - left.lines)
    .slice(0, SHOWN)
    .map(({ name, lines }) => `${String(lines).padStart(6)}  ${name}`)
    .join('\n')
}

test('the longest functions and files are printed', () => {
  const paths = filesMatching(/^(packages|services|deploy)\/.*\.ts$/).filter(
    (path) => !path.endsWith('.test.ts'),
  )
  const functions = paths.flatMap(functionsOf)
  const whole = paths.map((path) => ({ name: path, lines: readText(path).split('\n').length - 1 }))
  process.stdout.write(`Longest functions:\n${longest(functions)}\n`)
  process.stdout.write(`Longest files:\n${longest(whole)}\n`)
  expect(functions.length).toBeGreaterThan(0)
})
