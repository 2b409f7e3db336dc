/** Where a command speaks: results on standard output, everything else on standard error. */
import { isKuraError } from '@kura/core'

export interface Terminal {
  readonly input: NodeJS.ReadableStream & AsyncIterable<Uint8Array>
  readonly output: NodeJS.WritableStream
  readonly errors: NodeJS.WritableStream
  /** Whether a person watches standard error. */
  readonly isWatched: boolean
  readonly columns: number
}

export function processTerminal(): Terminal {
  return {
    get input() {
      return process.stdin
    },
    output: process.stdout,
    errors: process.stderr,
    isWatched: process.stderr.isTTY,
    columns: process.stderr.columns || 80,
  }
}

export function printLine(terminal: Terminal, line: string): void {
  terminal.output.write(`${line}\n`)
}

/** One line of JSON; big integers as numbers, bytes in hex. */
export function printJson(terminal: Terminal, value: unknown): void {
  printLine(terminal, JSON.stringify(value, plainValue))
}

function plainValue(key: string, value: unknown): unknown {
  if (key.startsWith('$')) return undefined
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return value
}

export function warn(terminal: Terminal, line: string): void {
  terminal.errors.write(`kura: ${line}\n`)
}

/** One line: message, code, and what to do. */
export function describeError(error: unknown): string {
  if (!isKuraError(error)) {
    return `${error instanceof Error ? error.message : String(error)} (internal)`
  }
  const hint = error.hint === undefined ? '' : ` — ${error.hint}`
  return `${error.message} (${error.code})${hint}`.replaceAll('\n', ' ')
}
