#!/usr/bin/env node
/** The `kura` command. */
import { EXIT } from './exit-code.ts'
import { runCommandLine } from './program.ts'
import { processTerminal } from './terminal.ts'

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // The second one ends the process the hard way.
  process.once(signal, () => interrupted.abort(signal))
}

// A reader that has seen enough closes its end; there is nobody left to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed)
})

process.exitCode = await runCommandLine(process.argv.slice(2), {
  terminal: processTerminal(),
  signal: interrupted.signal,
})
