/** `npm start`: a local zone until Ctrl-C, or the demo. */
import { KuraError } from '@kura/core'
import { tell, tellError } from './console.ts'
import { runDemo } from './demo/run-demo.ts'
import { DEFAULT_DATA_DIR, HELP, parseCommandLine, type CommandLine } from './options.ts'
import { serveZone } from './serve-zone.ts'
import { StopRequest } from './stop-request.ts'

async function main(): Promise<number> {
  const callerFolder = process.env['INIT_CWD'] ?? process.cwd()
  const options = parseCommandLine(process.argv.slice(2), callerFolder)
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  const stop = new StopRequest()
  return await run(options, stop)
}

async function run(options: CommandLine, stop: StopRequest): Promise<number> {
  if (options.demoPath !== undefined) {
    return await runDemo({ ...options, demoPath: options.demoPath, stop, tell })
  }
  const dataDir = options.dataDir ?? DEFAULT_DATA_DIR
  return await serveZone({ ...options, dataDir, stop, tell })
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof KuraError)) throw error
  tellError(`${error.message} (${error.code})${error.hint === undefined ? '' : ` — ${error.hint}`}`)
  process.exitCode = 1
}
process.exit()
