#!/usr/bin/env node
/** The `kura` command. */
import { systemClock } from '@kura/client'
import { EXIT } from './exit-code.ts'
import { runCommandLine } from './program.ts'
import { processTerminal } from './terminal.ts'

/** npm passes on a Ctrl-C that the terminal has delivered already: within this it is the same. */
const SAME_WISH_MS = 1_000

const interrupted = new AbortController()
let interruptedAtMs: number | undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    const nowMs = systemClock.monotonicMs()
    interruptedAtMs ??= nowMs
    interrupted.abort(signal)
    // The second wish ends the process the hard way.
    if (nowMs - interruptedAtMs > SAME_WISH_MS) process.exit(EXIT.interrupted)
  })
}

// A reader that has seen enough closes its end; there is nobody left to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed)
})

process.exitCode = await runCommandLine(process.argv.slice(2), {
  terminal: processTerminal(),
  signal: interrupted.signal,
})
