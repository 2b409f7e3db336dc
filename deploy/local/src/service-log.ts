/**
 * The log file of one service, at most two files of a fixed size: when the first is full it becomes
 * `.1`, and the `.1` before it is gone. Warnings and worse are also handed on, as short lines and
 * not too often.
 */
import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { MIB } from '@kura/core'

const LOG_BYTES_MAX = 16 * MIB
/** A line longer than this is cut when it is handed on. */
const SHOWN_CHARACTERS_MAX = 400
/** Bytes of an unfinished line that are kept; more is not a log line. */
const PARTIAL_CHARACTERS_MAX = 64 * 1024
const LOUD = /"level":"(warn|error|fatal)"/
/** The same message is handed on once in this time; all of them are in the file. */
const REPEAT_MS = 5_000
/** What every line has, or what the message says already. */
const UNSHOWN_FIELDS = new Set(['level', 'time', 'service', 'id', 'pid', 'msg', 'hostname'])

export class ServiceLog {
  readonly #path: string
  readonly #onWarning: (line: string) => void
  #descriptor: number
  #sizeBytes: number
  #partial = ''
  readonly #shownAtMs = new Map<string, number>()

  constructor(options: { readonly path: string; readonly onWarning: (line: string) => void }) {
    this.#path = options.path
    this.#onWarning = options.onWarning
    this.#descriptor = openSync(options.path, 'a')
    this.#sizeBytes = statSync(options.path).size
  }

  /** A piece of what the service wrote to its standard output. */
  write(piece: Buffer): void {
    this.#append(piece)
    const text = this.#partial + piece.toString('utf8')
    const end = text.lastIndexOf('\n')
    this.#partial = text.slice(end + 1).slice(0, PARTIAL_CHARACTERS_MAX)
    if (!LOUD.test(text)) return
    for (const line of text.slice(0, end + 1).split('\n')) {
      if (LOUD.test(line)) this.#handOn(line)
    }
  }

  /** Messages are constant phrases, so the map stays small. */
  #handOn(line: string): void {
    const fields = parseFields(line)
    const message = describe(fields?.['msg'] ?? '')
    const shown = fields === undefined ? line.slice(0, SHOWN_CHARACTERS_MAX) : shorten(fields)
    this.#sayOnce(message, shown)
  }

  /** A piece of its standard error: refusals to start, and what no logger caught. */
  writeError(piece: Buffer): void {
    this.#append(piece)
    for (const line of piece.toString('utf8').split('\n')) {
      if (line.trim() !== '') this.#onWarning(line.slice(0, SHOWN_CHARACTERS_MAX))
    }
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  /** A log that cannot be written stops nothing: what it lacks is lost, and said. */
  #append(piece: Buffer): void {
    try {
      if (this.#sizeBytes + piece.length > LOG_BYTES_MAX) this.#rotate()
      writeSync(this.#descriptor, piece)
      this.#sizeBytes += piece.length
    } catch (error) {
      const message = 'lines are lost, the log file cannot be written'
      this.#sayOnce(message, `${message} (${describe(error)})`)
    }
  }

  /** The old file is let go last: whatever fails here, there is one to write to. */
  #rotate(): void {
    renameSync(this.#path, `${this.#path}.1`)
    const full = this.#descriptor
    this.#descriptor = openSync(this.#path, 'a')
    this.#sizeBytes = 0
    closeSync(full)
  }

  /** Once in a while, that is. */
  #sayOnce(message: string, line: string): void {
    const nowMs = performance.now()
    if (nowMs - (this.#shownAtMs.get(message) ?? -Infinity) < REPEAT_MS) return
    this.#shownAtMs.set(message, nowMs)
    this.#onWarning(line)
  }
}

/** `level: message (field value, …)`. */
function shorten(fields: Record<string, unknown>): string {
  const details = Object.entries(fields)
    .filter(([name]) => !UNSHOWN_FIELDS.has(name))
    .map(([name, value]) => `${name} ${describe(value)}`)
  const suffix = details.length === 0 ? '' : ` (${details.join(', ')})`
  return `${describe(fields['level'])}: ${describe(fields['msg'])}${suffix}`.slice(
    0,
    SHOWN_CHARACTERS_MAX,
  )
}

function parseFields(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'object' && value !== null && 'message' in value)
    return String(value.message)
  return JSON.stringify(value) ?? ''
}
