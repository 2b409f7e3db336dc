/**
 * `kura rebuild`, `kura backup`, `kura restore`: start the program of the service that owns the
 * store, with the settings that the service itself has, and end as it ends. Its receipt goes to
 * standard output, its progress to standard error.
 */
import { KuraError, type MemberKind } from '@kura/core'
import type { CommandContext } from '../context.ts'
import { hasSettingsOf } from '../config.ts'
import { EXIT } from '../exit-code.ts'
import { runServiceProgram } from '../service-programs.ts'
import { findZoneFile } from '../settings-files.ts'
import { ownerOfStore } from '../store-names.ts'

const ABOUT = `
The settings are those of the service that owns the store: --config names its file. Without
it they are the variables of this shell; where it has none of the service, those of the local
zone here. Progress goes to standard error, the receipt, one line of JSON, to standard output.
Ends with 0 when it is done, 1 when it is refused, 2 when used wrongly, 130 when interrupted.`

export const REBUILD_HELP = `
Stores: block-index, replication-table. Without --apply nothing is changed. The service
must be stopped; the storage nodes must run, and for the block index the volume managers.
What is in place is moved aside and kept. Where both are lost, the table comes first.
What was cut short changed nothing, or is finished by the same command.
${ABOUT}

Examples:
  kura rebuild replication-table
  kura rebuild block-index --apply
  kura rebuild block-index --apply --leave-out-unreadable`

export const BACKUP_HELP = `
Stores: block-index, replication-table, zone-registry. The service goes on working. The
folder must not exist; it gets the copy and a manifest, both checked.
${ABOUT}

Examples:
  kura backup block-index /backup/index-2026-11-22
  kura backup zone-registry /backup/registry --config /etc/kura/zone-master.toml`

export const RESTORE_HELP = `
Stores: block-index, replication-table, zone-registry. Without --apply nothing is changed.
Index and table are made right by the extents: what is newer than the backup is found.
The service must be stopped, as for kura rebuild.
${ABOUT}

Examples:
  kura restore block-index /backup/index-2026-11-22
  kura restore replication-table /backup/table --apply`

export interface OfflineCommand {
  readonly verb: 'rebuild' | 'backup' | 'restore'
  readonly store: string
  readonly folder?: string | undefined
  readonly apply?: boolean | undefined
  /** Go on without what cannot be read now. */
  readonly leaveOut?: boolean | undefined
  /** Settings file of the service. */
  readonly config?: string | undefined
  /** The endpoints file that names the local zone. */
  readonly endpoints?: string | undefined
}

/** Throws `invalid-argument`, `setting-invalid`, and what starting a program throws. */
export async function offlineCommand(
  context: CommandContext,
  command: OfflineCommand,
): Promise<number> {
  const { verb, store, folder, apply, leaveOut } = command
  const service = ownerOfStore(store, verb)
  const config = command.config ?? findSettings(service, command.endpoints)
  const exitCode = await runServiceProgram(context, service, [
    ...[verb, ...(folder === undefined ? [] : [folder])],
    ...(config === undefined ? [] : [`--config=${config}`]),
    ...(apply === true ? ['--apply'] : []),
    ...(leaveOut === true ? ['--leave-out-unreadable'] : []),
  ])
  if (context.signal.aborted) return EXIT.interrupted
  return exitCode === 0 ? EXIT.ok : EXIT.failed
}

/** Whoever has set variables for the service does not mean a zone that happens to be near. */
function findSettings(service: MemberKind, endpoints: string | undefined): string | undefined {
  if (endpoints === undefined && hasSettingsOf(service)) return undefined
  const found = findZoneFile(service, endpoints)
  if (found !== undefined) return found
  throw new KuraError('setting-invalid', `nothing says where the store of ${service} is`, {
    hint: 'name the settings file of the service with --config',
  })
}
