/** `pnpm bench`: what a zone on this machine can do, and what it costs. */
import { isKuraError } from '@kura/core'
import { runBench } from './bench.ts'
import { runMemoryBench } from './memory/memory-bench.ts'
import { parseOptions, USAGE } from './options.ts'

const options = parseOptions(process.argv.slice(2))
if (options.help) process.stdout.write(USAGE)
else {
  try {
    const tell = (line: string): void => void process.stdout.write(`${line}\n`)
    if (!options.isMemory) await runBench(options, tell)
    else if (!(await runMemoryBench(options, tell))) process.exitCode = 1
  } catch (error) {
    if (!isKuraError(error)) throw error
    const hint = error.hint === undefined ? '' : ` — ${error.hint}`
    process.stderr.write(`bench: ${error.message} (${error.code})${hint}\n`)
    process.exitCode = 1
  }
}
