/** `pnpm bench`: what a zone on this machine can do, and what it costs in processor time. */
import { isKuraError } from '@kura/core'
import { runBench } from './bench.ts'
import { parseOptions, USAGE } from './options.ts'

const options = parseOptions(process.argv.slice(2))
if (options.help) process.stdout.write(USAGE)
else {
  try {
    await runBench(options, (line) => process.stdout.write(`${line}\n`))
  } catch (error) {
    if (!isKuraError(error)) throw error
    const hint = error.hint === undefined ? '' : ` — ${error.hint}`
    process.stderr.write(`bench: ${error.message} (${error.code})${hint}\n`)
    process.exitCode = 1
  }
}
