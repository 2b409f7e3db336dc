/** Where results go. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

export const REPOSITORY = resolve(import.meta.dirname, '../..')
export const CACHE = join(REPOSITORY, '.cache')
const RESULTS = join(REPOSITORY, 'bench/results')

/** The path of the file. */
export async function writeResults<Results extends { readonly takenAt: string }>(
  results: Results,
  name: string,
): Promise<string> {
  await mkdir(RESULTS, { recursive: true })
  const stamp = results.takenAt.replaceAll(/[:.]/g, '-')
  const path = join(RESULTS, `${stamp}-${name}.json`)
  await writeFile(path, `${JSON.stringify(results, null, 2)}\n`)
  return path
}
