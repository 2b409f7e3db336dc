/**
 * The reference page of error codes, the table in the source and what the programs throw are one
 * and the same list.
 */
import { ERROR_CODES } from '@kura/core'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { filesMatching, readText } from './repository.ts'

const PAGE = 'packages/core/ERRORS.md'

/** Names of the gRPC specification, by number. */
const GRPC_STATUS_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

/** Cells of each row that begins with a code. */
function readRows(): readonly (readonly string[])[] {
  return readText(PAGE)
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

test('the page has every code once, in the order and with the columns of the source', () => {
  const expected = Object.entries(ERROR_CODES).map(([code, row]) => [
    `\`${code}\``,
    row.meaning,
    `${row.grpcStatus} ${GRPC_STATUS_NAMES[row.grpcStatus]}`,
    String(row.httpStatus),
    row.retryable ? 'yes' : 'no',
  ])
  expect(readRows().map((cells) => cells.slice(0, 5))).toEqual(expected)
})

test('the page says for every code what to do', () => {
  const silent = readRows().filter((cells) => !/^[A-Z].{10,}\.$/.test(cells[5] ?? ''))
  expect(silent).toEqual([])
})

/** First arguments of `new KuraError(…)`: a code, or a choice between two. */
function thrownCodes(path: string): readonly string[] {
  const source = ts.createSourceFile(path, readText(path), ts.ScriptTarget.Latest, true)
  const codes: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isNewExpression(node) && node.expression.getText() === 'KuraError') {
      codes.push(...literalsOf(node.arguments?.[0]))
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return codes
}

function literalsOf(node: ts.Expression | undefined): readonly string[] {
  if (node === undefined) return []
  if (ts.isStringLiteral(node)) return [node.text]
  if (!ts.isConditionalExpression(node)) return []
  return [...literalsOf(node.whenTrue), ...literalsOf(node.whenFalse)]
}

test('every code is thrown by production code, and nothing else is', () => {
  const production = filesMatching(/^(packages|services)\/.*\.ts$/).filter(
    (path) => !/\.test\.ts$|\/testing\/|^packages\/testkit\//.test(path),
  )
  const thrown = new Set(production.flatMap(thrownCodes))
  // What is thrown and is no Kura error has been thrown by somebody who did not expect it.
  expect([...thrown, 'internal'].toSorted()).toEqual(
    expect.arrayContaining(Object.keys(ERROR_CODES)),
  )
  expect([...thrown].filter((code) => !Object.hasOwn(ERROR_CODES, code))).toEqual([])
})
