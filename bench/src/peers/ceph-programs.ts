/** Whether Ceph is installed, and what a run of one of its programs says. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { KuraError } from '@kura/core'

const PACKAGES = 'ceph-mon ceph-osd ceph-common python3-rados'
const COMMAND_TIMEOUT_MS = 120_000
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/** Debian's Python, for which its packages are; another one may come first in the path. */
export const PYTHON = '/usr/bin/python3'

/** The sources of our Python programs are what runs: the compiler copies none. */
export function pythonProgram(name: string): string {
  return join(import.meta.dirname, '../../src/peers', name)
}

/** Undefined where all is there; else a line that says what to do. */
export async function findMissingCeph(): Promise<string | undefined> {
  const probes: readonly (readonly [string, readonly string[]])[] = [
    ['ceph-mon', ['--version']],
    ['ceph-osd', ['--version']],
    ['monmaptool', ['--help']],
    ['rados', ['--version']],
    ['setpriv', ['--version']],
    [PYTHON, ['-c', 'import rados']],
  ]
  for (const [program, args] of probes) {
    if (await canRun(program, args)) continue
    const install = `apt-get install --no-install-recommends ${PACKAGES}`
    return `Ceph is not installed (${program} cannot be run); on Debian: ${install}`
  }
  return undefined
}

async function canRun(program: string, args: readonly string[]): Promise<boolean> {
  try {
    await promisify(execFile)(program, args)
    return true
  } catch {
    return false
  }
}

/** Its standard output. Throws `unavailable` where it fails, with its last words. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const limits = { timeout: options.timeoutMs ?? COMMAND_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX }
  const child = execFile(program, args, limits, (error, stdout, stderr) => {
    if (error === null) return resolve(stdout)
    const lastWords = stderr.trim().split('\n').at(-1) ?? ''
    const words = child.killed ? `not done in ${limits.timeout / 1000} s` : lastWords
    reject(new KuraError('unavailable', `${program}: ${words}`, { cause: error }))
  })
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(options.input ?? '')
  return await promise
}
