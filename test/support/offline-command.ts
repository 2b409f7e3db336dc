/** The offline commands of services as tests run them: their receipts, and deaths in the middle. */
import type { Mark } from '@kura/core'
import type { CommandResult } from '@kura/local'

/** Throws what the command said where it did not end well. */
export function receiptOf(result: CommandResult): Readonly<Record<string, unknown>> {
  if (result.exitCode !== 0) throw new Error(`the command failed: ${result.stderr}`)
  return JSON.parse(result.stdout) as Record<string, unknown>
}

/** Variables under which a Node program dies by SIGKILL when it passes the mark. */
export function crashAt(mark: Mark): NodeJS.ProcessEnv {
  const script =
    `import { subscribe } from 'node:diagnostics_channel';` +
    `subscribe('kura:${mark}', () => process.kill(process.pid, 'SIGKILL'))`
  const url = `data:text/javascript,${encodeURIComponent(script)}`
  return { NODE_OPTIONS: `--import=${url}` }
}
