/** `kura` as an operator runs it: the program itself, for the zone of a test. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { LocalZone } from '@kura/local'

const PROGRAM = join(import.meta.dirname, '../../packages/cli/dist/main.js')

export interface EndedCommand {
  readonly code: number | null
  readonly out: Buffer
  readonly err: string
}

export async function runKura(
  zone: LocalZone,
  args: readonly string[],
  options: { readonly cwd?: string; readonly input?: Uint8Array | undefined } = {},
): Promise<EndedCommand> {
  const endpoints = join(zone.dataDir, 'endpoints.json')
  const child = spawn(process.execPath, [PROGRAM, '--endpoints', endpoints, ...args], {
    cwd: options.cwd,
  })
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (bytes: Buffer) => out.push(bytes))
  child.stderr.on('data', (bytes: Buffer) => err.push(bytes))
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input)
  const code = await new Promise<number | null>((done) => child.on('close', done))
  return { code, out: Buffer.concat(out), err: Buffer.concat(err).toString() }
}
