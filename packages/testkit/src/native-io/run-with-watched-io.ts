/** Runs a program of Node with `watch-io.c` preloaded, which gcc builds here and now. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '../temporary-directory.ts'
import { CONTROL_BYTES } from './watched-io.ts'

const SOURCE = join(import.meta.dirname, 'watch-io.c')
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024

/** What the program wrote to its standard output. Throws with its complaint where it failed. */
export async function runWithWatchedIo(
  program: string,
  parameters: readonly string[] = [],
): Promise<string> {
  await using directory = await temporaryDirectory()
  const at = (name: string): string => join(directory.path, name)
  run('gcc', ['-shared', '-fPIC', '-O1', '-o', at('watch-io.so'), SOURCE])
  mkdirSync(at('files'))
  writeFileSync(at('control'), Buffer.alloc(CONTROL_BYTES))
  writeFileSync(at('trace'), '')
  return run(process.execPath, ['--conditions=source', program, ...parameters], {
    LD_PRELOAD: at('watch-io.so'),
    KURA_IO_DIRECTORY: at('files'),
    KURA_IO_CONTROL: at('control'),
    KURA_IO_TRACE: at('trace'),
    // Calls that go around the C library are not seen.
    UV_USE_IO_URING: '0',
  })
}

function run(command: string, parameters: readonly string[], variables = {}): string {
  const { status, signal, stdout, stderr, error } = spawnSync(command, parameters, {
    encoding: 'utf8',
    env: { ...process.env, ...variables },
    maxBuffer: OUTPUT_BYTES_MAX,
  })
  if (status === 0) return stdout
  const reason = error?.message ?? signal ?? `exit code ${String(status)}`
  throw new Error(`${command} failed (${reason})\n${stdout}${stderr}`)
}
