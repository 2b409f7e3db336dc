/**
 * A file of results: JSON lines, each written as soon as it is known, so that a run that is broken
 * off keeps what it has found.
 */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { KuraError } from '@kura/core'
import type { Heading, ResultLine, Sample, Skipped } from './sample.ts'

export interface Results {
  readonly heading: Heading
  readonly samples: readonly Sample[]
  readonly skipped: readonly Skipped[]
}

export function appendResult(path: string, line: ResultLine): void {
  mkdirSync(dirname(path), { recursive: true })
  appendFileSync(path, `${JSON.stringify(line)}\n`)
}

/** Throws `not-found` and `invalid-argument` for what is no file of results. */
export function readResults(path: string): Results {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const hint = 'bench/results has those that are kept'
    throw new KuraError('not-found', `${path} cannot be read`, { cause, hint })
  }
  return parseResults(text, path)
}

export function parseResults(text: string, path: string): Results {
  // What stands after the last end of a line is a line that was not written to its end.
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line, index) => parseLine(line, `${path}, line ${index + 1}`))
  const [heading, ...rest] = lines
  if (heading?.kind !== 'environment') throw notResults(`${path} does not begin as results do`)
  return {
    heading,
    samples: rest.filter((line) => line.kind === 'sample'),
    skipped: rest.filter((line) => line.kind === 'skipped'),
  }
}

/** What the bench wrote itself is trusted to have its shape; other files are not of its kinds. */
function parseLine(line: string, place: string): ResultLine {
  try {
    const value: unknown = JSON.parse(line)
    if (isResultLine(value)) return value
  } catch {
    // Said below.
  }
  throw notResults(`${place} is no line of results`)
}

const KINDS: readonly unknown[] = ['environment', 'sample', 'skipped']

function isResultLine(value: unknown): value is ResultLine {
  return typeof value === 'object' && value !== null && KINDS.includes(Reflect.get(value, 'kind'))
}

function notResults(message: string): KuraError {
  const hint = 'give a .jsonl file that the bench has written'
  return new KuraError('invalid-argument', message, { hint })
}
