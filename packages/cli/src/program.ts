/** The command line: options, commands, help; and how every command ends. */
import { Command, CommanderError } from 'commander'
import {
  configCommand,
  CONFIG_CHECK_HELP,
  CONFIG_SHOW_HELP,
  type ConfigOptions,
} from './commands/config.ts'
import { diskLostCommand, DISK_LOST_HELP, type DiskLostOptions } from './commands/disk-lost.ts'
import { diskVerifyCommand, DISK_VERIFY_HELP } from './commands/disk-verify.ts'
import { explainCommand, EXPLAIN_HELP } from './commands/explain.ts'
import { extentDumpCommand, EXTENT_DUMP_HELP } from './commands/extent-dump.ts'
import { extentVerifyCommand, EXTENT_VERIFY_HELP } from './commands/extent-verify.ts'
import { getCommand, GET_HELP } from './commands/get.ts'
import { locateCommand, LOCATE_HELP } from './commands/locate.ts'
import { PROVE_HELP, proveCommand } from './commands/prove.ts'
import { repairCommand, REPAIR_HELP } from './commands/repair.ts'
import {
  BACKUP_HELP,
  offlineCommand,
  REBUILD_HELP,
  RESTORE_HELP,
  type OfflineCommand,
} from './commands/offline.ts'
import { putCommand, PUT_HELP } from './commands/put.ts'
import { statCommand, STAT_HELP } from './commands/stat.ts'
import { statusCommand, STATUS_HELP } from './commands/status.ts'
import { topCommand, TOP_HELP } from './commands/top.ts'
import {
  BLOCKS_PER_SECOND_DEFAULT,
  HEAL_WAIT_MS_DEFAULT,
  PROOF_BLOCK_BYTES_MAX_DEFAULT,
} from './prove/limits.ts'
import {
  collect,
  parseCount,
  parseDuration,
  parseRate,
  parseSeconds,
  parseSize,
} from './option-values.ts'
import { readSettings, type ConnectionOptions } from './config.ts'
import type { CommandContext } from './context.ts'
import { storesOf } from './store-names.ts'
import { EXIT, EXIT_CODE_HELP, exitCodeOf } from './exit-code.ts'
import { describeError, type Terminal } from './terminal.ts'

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

interface TopCommandLine {
  readonly interval: number
  readonly once?: true
  readonly admin?: readonly string[]
}

interface ProveCommandLine {
  readonly for: number
  readonly rate: number
  readonly sizeMax: number
  readonly healWait: number
  readonly seed?: string
  readonly killLocal?: string
  readonly mayKill?: readonly string[]
}

const TOP_INTERVAL_SECONDS = 2
const HEAL_WAIT_SECONDS = HEAL_WAIT_MS_DEFAULT / 1000

/** Runs one command line and answers the exit code. Never throws. */
export async function runCommandLine(
  args: readonly string[],
  options: { readonly terminal: Terminal; readonly signal: AbortSignal },
): Promise<number> {
  const { terminal } = options
  let exitCode: number = EXIT.ok
  const run = async (
    command: Command,
    work: (context: CommandContext) => Promise<number>,
  ): Promise<void> => {
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

type Run = (command: Command, work: (context: CommandContext) => Promise<number>) => Promise<void>

function buildProgram(terminal: Terminal, run: Run): Command {
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
  addDataCommands(program, run)
  addOperatorCommands(program, run)
  addProveCommand(program, run)
  addExtentCommands(program, run)
  addConfigCommands(program, run)
  addOfflineCommands(program, run)
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

function addDataCommands(program: Command, run: Run): void {
  program
    .command('put')
    .summary('store files, trees or standard input')
    .description('Stores files, directories, or standard input.')
    .argument('<path...>', 'files and directories; - for standard input')
    .addHelpText('after', PUT_HELP)
    .action((paths: string[], _options: object, command: Command) =>
      run(command, (context) => putCommand(context, paths)),
    )
  program
    .command('get')
    .summary('fetch a block, a file or a tree')
    .description('Fetches what a reference names, verified.')
    .argument('<reference>', '<hash>, kura:file:<hash> or kura:tree:<hash>')
    .requiredOption('-o, --out <path>', 'where to; - for standard output')
    .option('--overwrite', 'replace files that are there')
    .addHelpText('after', GET_HELP)
    .action((reference: string, options: { out: string; overwrite?: true }, command: Command) =>
      run(command, (context) =>
        getCommand(context, {
          reference,
          out: options.out,
          overwrite: options.overwrite === true,
        }),
      ),
    )
  program
    .command('stat')
    .summary('describe a reference')
    .description('Says what lies behind a reference, without fetching the content.')
    .argument('<reference>', '<hash>, kura:file:<hash> or kura:tree:<hash>')
    .addHelpText('after', STAT_HELP)
    .action((reference: string, _options: object, command: Command) =>
      run(command, (context) => statCommand(context, reference)),
    )
}

function addOperatorCommands(program: Command, run: Run): void {
  program
    .command('locate')
    .summary('show where the copies of a block are')
    .description('Shows where the copies of a block are.')
    .argument('<hash>', 'hash of a block, or a reference')
    .addHelpText('after', LOCATE_HELP)
    .action((hash: string, _options: object, command: Command) =>
      run(command, (context) => locateCommand(context, hash)),
    )
  program
    .command('explain')
    .summary('show how a block is, read from its disks now')
    .description('Shows where a block should be, how each copy is now, and what happens next.')
    .argument('<hash>', 'hash of a block, or a reference')
    .addHelpText('after', EXPLAIN_HELP)
    .action((hash: string, _options: object, command: Command) =>
      run(command, (context) => explainCommand(context, hash)),
    )
  program
    .command('status')
    .summary('show the zone')
    .description('Shows services, cells, disks, volumes, damages and alarms of the zone.')
    .addHelpText('after', STATUS_HELP)
    .action((_options: object, command: Command) => run(command, statusCommand))
  program
    .command('top')
    .summary('show the zone at work, live')
    .description('Shows load, times, disks, volumes and processes of the zone, live.')
    .option('--interval <seconds>', 'between two readings', parseSeconds, TOP_INTERVAL_SECONDS)
    .option('--once', 'print one view and end')
    .option('--admin <host:port>', 'read this process; may be given several times', collect)
    .addHelpText('after', TOP_HELP)
    .action((options: TopCommandLine, command: Command) =>
      run(command, (context) =>
        topCommand(context, {
          intervalMs: options.interval * 1000,
          once: options.once === true,
          admins: options.admin ?? [],
        }),
      ),
    )
  program
    .command('repair')
    .summary('show what lacks copies, and make them now')
    .description('Shows which volumes would get new copies, and with --apply makes them.')
    .option('--apply', 'do it: disks out of reach are not waited for')
    .addHelpText('after', REPAIR_HELP)
    .action((options: { apply?: true }, command: Command) =>
      run(command, (context) => repairCommand(context, { apply: options.apply === true })),
    )
  addDiskCommands(program, run)
}

function addDiskCommands(program: Command, run: Run): void {
  const disk = program
    .command('disk')
    .summary('operate on one disk')
    .description('Operates on one disk.')
  disk
    .command('lost')
    .summary('show what a disk holds, and declare it lost')
    .description('Shows what the loss of a disk means, and with --apply declares it lost.')
    .argument('<uuid>', 'UUID of the disk, as kura status shows it')
    .option('--apply', 'do it: its copies are made anew elsewhere')
    .option('--even-though-alive', 'also where the disk answers')
    .addHelpText('after', DISK_LOST_HELP)
    .action((uuid: string, options: Partial<DiskLostOptions>, command: Command) => {
      const { apply = false, evenThoughAlive = false } = options
      return run(command, (context) => diskLostCommand(context, uuid, { apply, evenThoughAlive }))
    })
  disk
    .command('verify')
    .summary('read a disk in full and trust it again')
    .description('Reads a whole disk from media, and trusts it again when all is well.')
    .argument('<uuid>', 'UUID of the disk, as kura status shows it')
    .addHelpText('after', DISK_VERIFY_HELP)
    .action((uuid: string, _options: object, command: Command) =>
      run(command, (context) => diskVerifyCommand(context, uuid)),
    )
}

function addProveCommand(program: Command, run: Run): void {
  program
    .command('prove')
    .summary('show that the zone keeps what it acknowledges')
    .description('Writes, kills where it may, and reads every copy back.')
    .requiredOption('--for <duration>', 'how long to write: 90s, 10m, 2h', parseDuration)
    .option('--rate <count>', 'blocks a second', parseRate, BLOCKS_PER_SECOND_DEFAULT)
    .option('--size-max <bytes>', 'of the largest block', parseSize, PROOF_BLOCK_BYTES_MAX_DEFAULT)
    .option('--heal-wait <seconds>', 'for copies to be whole', parseSeconds, HEAL_WAIT_SECONDS)
    .option('--seed <text>', 'makes the blocks; a new one for each run by default')
    .option('--kill-local <folder>', 'kill processes of the local zone with this data folder')
    .option('--may-kill <name>', 'only this service or kind; may be given several times', collect)
    .addHelpText('after', PROVE_HELP)
    .action((options: ProveCommandLine, command: Command) =>
      run(command, (context) =>
        proveCommand(context, {
          durationMs: options.for,
          blocksPerSecond: options.rate,
          sizeBytesMax: options.sizeMax,
          healWaitMs: options.healWait * 1000,
          seed: options.seed,
          killLocal: options.killLocal,
          mayKill: options.mayKill ?? [],
        }),
      ),
    )
}

function addExtentCommands(program: Command, run: Run): void {
  const extent = program
    .command('extent')
    .summary('look into extent files, without a zone')
    .description('Looks into extent files where they lie, without a zone.')
  extent
    .command('dump')
    .summary('show what is in an extent file')
    .description('Shows page 0, every record and the footer of an extent file.')
    .argument('<file>', 'an extent file')
    .addHelpText('after', EXTENT_DUMP_HELP)
    .action((file: string, _options: object, command: Command) =>
      run(command, (context) => extentDumpCommand(context, file)),
    )
  extent
    .command('verify')
    .summary('check extent files, byte for byte')
    .description('Checks every byte of an extent file, or of all below a folder.')
    .argument('<path>', 'an extent file, or a folder')
    .addHelpText('after', EXTENT_VERIFY_HELP)
    .action((path: string, _options: object, command: Command) =>
      run(command, (context) => extentVerifyCommand(context, path)),
    )
}

function addConfigCommands(program: Command, run: Run): void {
  const config = program
    .command('config')
    .summary('check and show the settings of services')
    .description('Checks and shows the settings of services, as their programs read them.')
  const add = (action: 'check' | 'show', texts: { summary: string; help: string }): void => {
    config
      .command(action)
      .summary(texts.summary)
      .description(`${texts.summary.charAt(0).toUpperCase()}${texts.summary.slice(1)}.`)
      .argument('[target...]', 'services, or files named after one')
      .option('--config <file>', 'settings file of the one service that is named')
      .option('--set <name=value>', 'as the flag of that setting; may be given often', collect)
      .addHelpText('after', texts.help)
      .action((targets: string[], options: ConfigOptions, command: Command) => {
        const { endpoints }: ConfigOptions = command.optsWithGlobals()
        const given = { targets, options: { ...options, ...(endpoints && { endpoints }) } }
        return run(command, (context) => configCommand(context, action, given))
      })
  }
  add('check', { summary: 'say whether settings are valid', help: CONFIG_CHECK_HELP })
  add('show', { summary: 'show every setting, its value and its source', help: CONFIG_SHOW_HELP })
}

function addOfflineCommands(program: Command, run: Run): void {
  interface Given extends Pick<OfflineCommand, 'apply' | 'config' | 'endpoints'> {
    readonly leaveOutUnreadable?: boolean
  }
  type Verb = OfflineCommand['verb']
  const add = (verb: Verb, texts: { readonly summary: string; readonly help: string }): Command =>
    program
      .command(verb)
      .summary(texts.summary)
      .description(`${texts.summary.charAt(0).toUpperCase()}${texts.summary.slice(1)}.`)
      .argument('<store>', storesOf(verb).join(', '))
      .option('--config <file>', 'settings file of the service that owns the store')
      .addHelpText('after', texts.help)
  const addApply = (command: Command): Command =>
    command
      .option('--apply', 'do it; without this it is only looked at')
      .option('--leave-out-unreadable', 'go on without what cannot be read now')
  const start = (verb: Verb, command: Command, store: string, folder?: string): Promise<void> => {
    const {
      config,
      endpoints,
      apply,
      leaveOutUnreadable: leaveOut,
    }: Given = command.optsWithGlobals()
    const offline = { verb, store, folder, config, endpoints, apply, leaveOut }
    return run(command, (context) => offlineCommand(context, offline))
  }
  addApply(
    add('rebuild', { summary: 'make a lost store anew from the extents', help: REBUILD_HELP }),
  ).action((store: string, _options: object, command: Command) => start('rebuild', command, store))
  add('backup', { summary: 'copy a store while its service works', help: BACKUP_HELP })
    .argument('<folder>', 'a new folder for the copy')
    .action((store: string, folder: string, _options: object, command: Command) =>
      start('backup', command, store, folder),
    )
  addApply(add('restore', { summary: 'put a backup in the place of a store', help: RESTORE_HELP }))
    .argument('<folder>', 'the folder of the backup')
    .action((store: string, folder: string, _options: object, command: Command) =>
      start('restore', command, store, folder),
    )
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
