/** Builds a C program of the tests with the machine's compiler, once for each version of it. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { runTool } from './run-tool.ts'

/** From `src` and from `dist`, which are as deep. */
const CACHE = resolve(import.meta.dirname, '../../../../.cache/faults')
const WARNINGS = ['-O2', '-Wall', '-Wextra', '-Werror']

/** Path of what became of `source`, a file in C. Throws with what gcc says. */
export async function buildNative(source: string, flags: readonly string[]): Promise<string> {
  const version = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 16)
  const target = join(CACHE, `${basename(source, '.c')}-${version}`)
  if (existsSync(target)) return target
  await mkdir(CACHE, { recursive: true })
  // Under a name of its own first: another run may build the same.
  const unfinished = `${target}.${process.pid}`
  await runTool('gcc', [...WARNINGS, '-o', unfinished, source, ...flags])
  await rename(unfinished, target)
  return target
}
