/** `pnpm bench`: what a zone on this machine can do, and what it costs. */
import { isKuraError } from '@kura/core'
import { runBench } from './bench.ts'
import { runMemoryBench } from './memory/memory-bench.ts'
import { parseCommand, USAGE, type BenchCommand } from './options.ts'
import { formatComparison } from './results/compare.ts'
import { readResults } from './results/result-file.ts'
import { writeReport } from './results/write-report.ts'

const tell = (line: string): void => void process.stdout.write(`${line}\n`)

async function obey(command: BenchCommand): Promise<void> {
  switch (command.kind) {
    case 'help':
      process.stdout.write(USAGE)
      return
    case 'compare':
      tell(formatComparison(readResults(command.first), readResults(command.second)))
      return
    case 'report':
      tell(writeReport(command.path))
      return
    case 'run':
      if (!command.options.isMemory) await runBench(command.options, tell)
      else if (!(await runMemoryBench(command.options, tell))) process.exitCode = 1
  }
}

try {
  await obey(parseCommand(process.argv.slice(2)))
} catch (error) {
  if (!isKuraError(error)) throw error
  const hint = error.hint === undefined ? '' : ` — ${error.hint}`
  process.stderr.write(`bench: ${error.message} (${error.code})${hint}\n`)
  process.exitCode = 1
}
