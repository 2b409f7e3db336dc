/** The programs of the services, as processes of their own: this package imports none of them. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { KuraError, type MemberKind } from '@kura/core'
import type { CommandContext } from './context.ts'

export const SERVICES: readonly MemberKind[] = [
  'frontend',
  'block-index',
  'zone-master',
  'volume-manager',
  'storage-node',
]

const ROOT = resolve(import.meta.dirname, '../../..')

/**
 * Runs a program and passes on what it says; answers its exit code. Throws `path-unknown` where it
 * is not there, `cancelled` when the user interrupts.
 */
export async function runServiceProgram(
  context: CommandContext,
  service: MemberKind,
  args: readonly string[],
): Promise<number> {
  const program = resolve(ROOT, 'services', service, 'dist/main.js')
  if (!existsSync(program)) {
    throw new KuraError('path-unknown', `the program of ${service} is not at ${program}`, {
      hint: 'build it, or run this where Kura is installed',
    })
  }
  const { terminal, signal } = context
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.on('data', (piece: Buffer) => terminal.output.write(piece))
  child.stderr.on('data', (piece: Buffer) => terminal.errors.write(piece))
  const stop = (): void => void child.kill()
  signal.addEventListener('abort', stop, { once: true })
  const { promise, resolve: end, reject } = Promise.withResolvers<number | null>()
  child.once('error', reject)
  child.once('close', end)
  try {
    const code = await promise
    if (code !== null) return code
  } finally {
    signal.removeEventListener('abort', stop)
  }
  throw new KuraError('cancelled', `${service} was stopped`)
}
