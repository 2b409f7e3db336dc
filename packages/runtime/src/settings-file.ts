/**
 * The settings file: TOML of one `key = value` a line, with comments and blank lines; no tables, no
 * values over several lines. So every value has a line that a message can name.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { KuraError } from '@kura/core'
import { parse, TomlError } from 'smol-toml'

/** Far above any file that a person writes. */
export const SETTINGS_FILE_BYTES_MAX = 64 * 1024

export interface SettingsFile {
  readonly path: string
  readonly text: string
}

export interface SettingsLine {
  readonly key: string
  readonly value: unknown
  /** Counted from 1. */
  readonly line: number
}

/** Throws `setting-invalid` where it is not there, no file, too large, or not UTF-8. */
export function readSettingsFile(path: string): SettingsFile {
  const bytes = readBytes(path)
  try {
    return { path, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch (cause) {
    throw fileRefused(path, 'it is not UTF-8', cause)
  }
}

/** The lines that set something, in order. Throws `setting-invalid`, naming file and line. */
export function parseSettingsFile(file: SettingsFile): readonly SettingsLine[] {
  const lines = file.text
    .split(/\r?\n/)
    .flatMap((text, index) => parseLine(`${file.path}:${index + 1}`, text, index + 1))
  const lineByKey = new Map<string, number>()
  for (const { key, line } of lines) {
    const first = lineByKey.get(key)
    if (first !== undefined) {
      throw new KuraError('setting-invalid', `${file.path}:${line}: ${key} is set twice`, {
        hint: `its first line is ${first}; remove one of the two`,
      })
    }
    lineByKey.set(key, line)
  }
  return lines
}

function parseLine(where: string, text: string, line: number): readonly SettingsLine[] {
  try {
    return Object.entries(parse(text)).map(([key, value]) => ({ key, value, line }))
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    const problem = (cause.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '')
    throw new KuraError('setting-invalid', `${where}: ${problem}`, {
      cause,
      hint: 'a line is key = value, a comment, or blank; text stands in double quotes',
    })
  }
}

function readBytes(path: string): Uint8Array {
  const descriptor = openFile(path)
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) throw fileRefused(path, 'it is not a regular file')
    if (stat.size > SETTINGS_FILE_BYTES_MAX) {
      throw fileRefused(path, `it is larger than ${SETTINGS_FILE_BYTES_MAX} bytes`)
    }
    return readFileSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Opening a pipe must not wait for its writer. */
function openFile(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason'
    throw fileRefused(path, code, cause)
  }
}

function fileRefused(path: string, problem: string, cause?: unknown): KuraError {
  return new KuraError('setting-invalid', `the settings file ${path} cannot be read: ${problem}`, {
    details: { path },
    cause,
    hint: 'name a readable file with --config, or leave it out for the defaults',
  })
}
