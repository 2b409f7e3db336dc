/**
 * Where databases go that were replaced: `replaced-1`, `replaced-2` … beside the new one, each with
 * one database and its log. Nothing here is ever deleted or written to again.
 */
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { KuraError } from '@kura/core'
import { syncDirectory } from './durable-directory.ts'
import { COMPANION_SUFFIXES } from './scratch-database.ts'

const FOLDER_PATTERN = /^replaced-(\d+)$/
/** More replacements of one database than this are somebody's endless loop. */
const FOLDERS_MAX = 10_000

/** Whether a database of this name was ever moved aside here. */
export function hasReplaced(path: string): boolean {
  return foldersOf(path).length > 0
}

/**
 * Moves the database and its log aside, the database first: without it nobody can start on what is
 * left. A log whose database went aside before, when this was cut short, follows it. Answers the
 * folder; undefined where there was nothing. Durable: the directory entries.
 */
export function moveAside(path: string): string | undefined {
  const suffixes = ['', ...COMPANION_SUFFIXES].filter((suffix) => existsSync(path + suffix))
  if (suffixes.length === 0) return undefined
  const folder = suffixes.includes('') ? makeFolder(path) : (folderOfLog(path) ?? makeFolder(path))
  for (const suffix of suffixes) {
    renameSync(path + suffix, join(folder, basename(path) + suffix))
    syncDirectory(folder)
    syncDirectory(dirname(path))
  }
  return folder
}

/** Numbers of the folders that hold a database of this name, ascending. */
function foldersOf(path: string): readonly number[] {
  if (!existsSync(dirname(path))) return []
  return numbersIn(path).filter((number) =>
    existsSync(join(folderPath(path, number), basename(path))),
  )
}

function numbersIn(path: string): readonly number[] {
  return readdirSync(dirname(path))
    .map((name) => Number(FOLDER_PATTERN.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0)
    .sort((one, other) => one - other)
}

function folderOfLog(path: string): string | undefined {
  const last = foldersOf(path).at(-1)
  if (last === undefined) return undefined
  const folder = folderPath(path, last)
  const hasLog = COMPANION_SUFFIXES.some((suffix) =>
    existsSync(join(folder, basename(path) + suffix)),
  )
  return hasLog ? undefined : folder
}

function makeFolder(path: string): string {
  const number = (numbersIn(path).at(-1) ?? 0) + 1
  if (number > FOLDERS_MAX) {
    throw new KuraError('state-conflict', 'too many databases have been replaced here', {
      details: { path },
    })
  }
  const folder = folderPath(path, number)
  mkdirSync(folder)
  syncDirectory(dirname(path))
  return folder
}

function folderPath(path: string, number: number): string {
  return join(dirname(path), `replaced-${number}`)
}
