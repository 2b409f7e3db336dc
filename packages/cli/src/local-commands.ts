/** The commands that need no zone: extent files, settings, and stores whose service is stopped. */
import type { Command } from 'commander'
import {
  configCommand,
  CONFIG_CHECK_HELP,
  CONFIG_SHOW_HELP,
  type ConfigOptions,
} from './commands/config.ts'
import { extentDumpCommand, EXTENT_DUMP_HELP } from './commands/extent-dump.ts'
import { extentVerifyCommand, EXTENT_VERIFY_HELP } from './commands/extent-verify.ts'
import {
  BACKUP_HELP,
  offlineCommand,
  REBUILD_HELP,
  RESTORE_HELP,
  type OfflineCommand,
} from './commands/offline.ts'
import type { RunCommand } from './context.ts'
import { collect } from './option-values.ts'
import { storesOf } from './store-names.ts'

export function addLocalCommands(program: Command, run: RunCommand): void {
  addExtentCommands(program, run)
  addConfigCommands(program, run)
  addOfflineCommands(program, run)
}

function addExtentCommands(program: Command, run: RunCommand): void {
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

function addConfigCommands(program: Command, run: RunCommand): void {
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

function addOfflineCommands(program: Command, run: RunCommand): void {
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
