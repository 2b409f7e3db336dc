/** Where a process is to die: at the n-th time that it passes a mark. */
import { readFile } from 'node:fs/promises'
import type { Mark } from '@kura/core'

export interface DeathPoint {
  readonly mark: Mark
  /** The first is 1. */
  readonly hit: number
}

export const FILE_VARIABLE = 'TEST_MARKS_FILE'
export const DEATH_VARIABLE = 'TEST_MARKS_DEATH'
export const PRELOAD = new URL('write-down-marks.ts', import.meta.url).href

/** What the preloaded file is told. Without a death the process lives on. */
export function deathEnvironment(options: {
  readonly marksPath: string
  readonly death: DeathPoint | undefined
}): Readonly<Record<string, string>> {
  const { marksPath, death } = options
  return {
    [FILE_VARIABLE]: marksPath,
    [DEATH_VARIABLE]: death === undefined ? '' : describeDeath(death),
  }
}

/** The marks that a process has passed so far, in order. */
export async function readPassedMarks(marksPath: string): Promise<readonly Mark[]> {
  const text = await readFile(marksPath, 'utf8').catch(() => '')
  return text.split('\n').filter((line) => line !== '') as Mark[]
}

/** Whether the last mark that was passed is the one of a death, and was passed often enough. */
export function isDeath(passed: readonly Mark[], death: DeathPoint): boolean {
  const hit = passed.filter((mark) => mark === death.mark).length
  return passed.at(-1) === death.mark && hit === death.hit
}

export function describeDeath({ mark, hit }: DeathPoint): string {
  return `${mark}#${hit}`
}
