/** Where a command speaks: results on standard output, everything else on standard error. */
import { isKuraError } from '@kura/core'
import { readTerminalWishes } from './config.ts'

export interface Terminal {
  readonly input: NodeJS.ReadableStream & AsyncIterable<Uint8Array>
  readonly output: NodeJS.WritableStream
  readonly errors: NodeJS.WritableStream
  /** Whether a person watches standard error. */
  readonly isWatched: boolean
  readonly columns: number
  /** Standard output, where it is a terminal that can be drawn on. */
  readonly screen?: Screen | undefined
  /** Whether the screen takes colours, and the user wants them. */
  readonly hasColor?: boolean
}

/** A terminal that is drawn on as a whole. */
export interface Screen {
  write(text: string): void
  size(): { readonly columns: number; readonly rows: number }
  /** Answers how to stop listening. */
  onResize(listener: () => void): () => void
  /** Keys as they are pressed, none shown; answers how to stop, and gives the keyboard back. */
  onKeys(listener: (keys: string) => void): () => void
}

export function processTerminal(): Terminal {
  const { canDraw, wantsColor } = readTerminalWishes()
  return {
    get input() {
      return process.stdin
    },
    output: process.stdout,
    errors: process.stderr,
    isWatched: process.stderr.isTTY,
    columns: process.stderr.columns || 80,
    screen: process.stdout.isTTY && canDraw ? processScreen() : undefined,
    hasColor: wantsColor,
  }
}

function processScreen(): Screen {
  return {
    write: (text) => void process.stdout.write(text),
    size: () => ({ columns: process.stdout.columns, rows: process.stdout.rows }),
    onResize(listener) {
      process.stdout.on('resize', listener)
      return () => process.stdout.off('resize', listener)
    },
    onKeys(listener) {
      // Without a keyboard a signal ends the command.
      if (!process.stdin.isTTY) return () => undefined
      const onData = (bytes: Buffer): void => listener(bytes.toString('latin1'))
      process.stdin.setRawMode(true)
      process.stdin.on('data', onData)
      return () => {
        process.stdin.off('data', onData)
        process.stdin.setRawMode(false)
        process.stdin.pause()
      }
    },
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
