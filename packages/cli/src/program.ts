/** The command line: global options, help, and how every command ends. */
import { Command, CommanderError } from 'commander'
import { readSettings, type ConnectionOptions } from './config.ts'
import type { CommandContext, RunCommand } from './context.ts'
import { EXIT, EXIT_CODE_HELP, exitCodeOf } from './exit-code.ts'
import { addLocalCommands } from './local-commands.ts'
import { collect, parseCount, parseSeconds } from './option-values.ts'
import { describeError, type Terminal } from './terminal.ts'
import { addZoneCommands } from './zone-commands.ts'

const HELP = `
A reference is <hash> for one block, kura:file:<hash> or kura:tree:<hash>.

The zone is the one whose .kura/endpoints.json is here or in a folder above, unless
options or KURA_SERVER (host:port, several with commas), KURA_MASTER, KURA_POCKET and
KURA_ZONE say otherwise.

Examples:
  kura put ~/photos
  kura get kura:tree:2c26b4… -o ~/restored
  kura status
  kura top

${EXIT_CODE_HELP}`

interface GlobalOptions extends ConnectionOptions {
  readonly json?: boolean
  readonly parallelism?: number
  readonly timeout?: number
}

/** Runs one command line and answers the exit code. Never throws. */
export async function runCommandLine(
  args: readonly string[],
  options: { readonly terminal: Terminal; readonly signal: AbortSignal },
): Promise<number> {
  const { terminal } = options
  let exitCode: number = EXIT.ok
  const run: RunCommand = async (command, work) => {
    exitCode = await work(contextOf(command.optsWithGlobals(), options))
  }
  try {
    await buildProgram(terminal, run).parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    terminal.errors.write(`kura: ${describeError(error)}\n`)
    return exitCodeOf(error)
  }
}

function buildProgram(terminal: Terminal, run: RunCommand): Command {
  const program = new Command('kura')
    .description('Stores blocks, files and trees in a zone, and shows how the zone is.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.output.write(text),
      writeErr: (text) => terminal.errors.write(text),
      outputError: (text, write) => {
        const what = text
          .replace(/^error: /, '')
          .trim()
          .replaceAll('\n', ' ')
        write(`kura: ${what} (invalid-argument) — see kura --help\n`)
      },
    })
    .addHelpText('after', HELP)
  addGlobalOptions(program)
  addZoneCommands(program, run)
  addLocalCommands(program, run)
  return program
}

function addGlobalOptions(program: Command): void {
  program
    .option('--endpoints <file>', 'endpoints file of a local zone')
    .option('--server <host:port>', 'frontend to ask; may be given several times', collect)
    .option('--master <host:port>', 'zone master to ask')
    .option('--pocket <name>', 'pocket of the zone')
    .option('--zone <name>', 'name of the zone')
    .option('--parallelism <count>', 'blocks in flight at a time (default 16)', parseCount)
    .option('--timeout <seconds>', 'for each block, retries included (default 60)', parseSeconds)
    .option('--json', 'print one line of JSON for each result')
}

function contextOf(
  options: GlobalOptions,
  surroundings: { readonly terminal: Terminal; readonly signal: AbortSignal },
): CommandContext {
  return {
    ...surroundings,
    settings: readSettings(options),
    json: options.json === true,
    parallelism: options.parallelism,
    timeoutMs: options.timeout === undefined ? undefined : options.timeout * 1000,
  }
}
