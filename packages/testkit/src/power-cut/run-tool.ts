/** Runs a tool of the system to its end. */
import { execFile } from 'node:child_process'

const TOOL_TIMEOUT_MS = 60_000
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

/** What it printed. Throws with what it said when it fails or hangs. */
export async function runTool(command: string, args: readonly string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const options = { timeout: TOOL_TIMEOUT_MS, env: { ...process.env, PATH, LC_ALL: 'C' } }
  execFile(command, [...args], options, (error, stdout, stderr) => {
    if (error === null) resolve(stdout)
    else reject(new Error(`${command}: ${stderr.trim() || `ended with ${error.code}`}`))
  })
  return await promise
}
