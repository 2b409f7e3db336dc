/** Builds the C programs of `native/` with the machine's compiler, once for each version. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { runTool } from './run-tool.ts'

const SOURCES = join(import.meta.dirname, 'native')
const CACHE = resolve(import.meta.dirname, '../../../.cache/faults')
const WARNINGS = ['-O2', '-Wall', '-Wextra', '-Werror']

/** Path of the FUSE disk, built. Throws with what gcc or pkg-config says. */
export async function buildFaultDisk(): Promise<string> {
  const flags = await runTool('pkg-config', ['--cflags', '--libs', 'fuse3'])
  return await build('fault-disk', flags.trim().split(/\s+/))
}

/** Path of the library for LD_PRELOAD, built. */
export async function buildLostSync(): Promise<string> {
  return await build('lost-sync', ['-shared', '-fPIC', '-ldl'])
}

async function build(name: string, flags: readonly string[]): Promise<string> {
  const source = join(SOURCES, `${name}.c`)
  const version = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 16)
  const target = join(CACHE, `${name}-${version}`)
  if (existsSync(target)) return target
  await mkdir(CACHE, { recursive: true })
  // Under a name of its own first: another run may build the same.
  const unfinished = `${target}.${process.pid}`
  await runTool('gcc', [...WARNINGS, '-o', unfinished, source, ...flags])
  await rename(unfinished, target)
  return target
}
