/** Runs a program of this folder in a process of its own: a test's noise is not its noise. */
import { spawn } from 'node:child_process'
import { expect } from 'vitest'

/** What the program printed, parsed as JSON. Fails where it does not end well. */
export async function runProgram(
  program: string,
  options: { readonly args: readonly string[]; readonly input?: string },
): Promise<unknown> {
  const path = new URL(program, import.meta.url).pathname
  const args = ['--conditions=source', path, ...options.args]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(options.input ?? '')
  const pieces: Buffer[] = []
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  expect(code, `${program} ends well`).toBe(0)
  return JSON.parse(Buffer.concat(pieces).toString('utf8'))
}
