/** The commands that ask a zone: its blocks for users, its state and its disks for operators. */
import type { Command } from 'commander'
import { diskLostCommand, DISK_LOST_HELP, type DiskLostOptions } from './commands/disk-lost.ts'
import { diskVerifyCommand, DISK_VERIFY_HELP } from './commands/disk-verify.ts'
import { explainCommand, EXPLAIN_HELP } from './commands/explain.ts'
import { getCommand, GET_HELP } from './commands/get.ts'
import { locateCommand, LOCATE_HELP } from './commands/locate.ts'
import { PROVE_HELP, proveCommand } from './commands/prove.ts'
import { putCommand, PUT_HELP } from './commands/put.ts'
import { repairCommand, REPAIR_HELP } from './commands/repair.ts'
import { statCommand, STAT_HELP } from './commands/stat.ts'
import { statusCommand, STATUS_HELP } from './commands/status.ts'
import { topCommand, TOP_HELP } from './commands/top.ts'
import type { RunCommand } from './context.ts'
import { collect, parseDuration, parseRate, parseSeconds, parseSize } from './option-values.ts'
import {
  BLOCKS_PER_SECOND_DEFAULT,
  HEAL_WAIT_MS_DEFAULT,
  PROOF_BLOCK_BYTES_MAX_DEFAULT,
} from './prove/limits.ts'

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

export function addZoneCommands(program: Command, run: RunCommand): void {
  addDataCommands(program, run)
  addOperatorCommands(program, run)
  addProveCommand(program, run)
}

function addDataCommands(program: Command, run: RunCommand): void {
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

function addOperatorCommands(program: Command, run: RunCommand): void {
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

function addDiskCommands(program: Command, run: RunCommand): void {
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

function addProveCommand(program: Command, run: RunCommand): void {
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
