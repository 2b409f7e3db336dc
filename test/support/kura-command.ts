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

/** One that runs. */
export interface RunningCommand {
  /** What it has said on standard error so far. */
  said(): string
  signal(signal: NodeJS.Signals): void
  readonly ended: Promise<EndedCommand>
}

export async function runKura(
  zone: Pick<LocalZone, 'dataDir'>,
  args: readonly string[],
  options: { readonly cwd?: string; readonly input?: Uint8Array | undefined } = {},
): Promise<EndedCommand> {
  return await startKura(zone, args, options).ended
}

export function startKura(
  zone: Pick<LocalZone, 'dataDir'>,
  args: readonly string[],
  options: { readonly cwd?: string; readonly input?: Uint8Array | undefined } = {},
): RunningCommand {
  const endpoints = join(zone.dataDir, 'endpoints.json')
  const child = spawn(process.execPath, [PROGRAM, '--endpoints', endpoints, ...args], {
    cwd: options.cwd,
  })
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (bytes: Buffer) => out.push(bytes))
  child.stderr.on('data', (bytes: Buffer) => err.push(bytes))
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input)
  const said = (): string => Buffer.concat(err).toString()
  const ended = new Promise<EndedCommand>((done) =>
    child.on('close', (code) => done({ code, out: Buffer.concat(out), err: said() })),
  )
  return { said, signal: (signal) => void child.kill(signal), ended }
}
