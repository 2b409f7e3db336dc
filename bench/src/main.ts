/** `pnpm bench`: what a zone on this machine can do, and what it costs in processor time. */
import { runBench } from './bench.ts'
import { parseOptions, USAGE } from './options.ts'

const options = parseOptions(process.argv.slice(2))
if (options.help) process.stdout.write(USAGE)
else await runBench(options, (line) => process.stdout.write(`${line}\n`))
