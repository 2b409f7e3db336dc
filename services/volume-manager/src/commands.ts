/** What an operator runs beside the service: each prints its receipt, one line of JSON. */
import { AddressBook, DirectoryCoordinator } from '@kura/coordination'
import { receiveBackup } from '@kura/database'
import { VolumeManager } from '@kura/proto'
import { createRpcClient } from '@kura/rpc'
import { readCommandOptions, SystemClock, SystemRandom, type ProgramArguments } from '@kura/runtime'
import { configOf, type settings } from './config.ts'
import { rebuildTable } from './rebuild/rebuild-table.ts'
import { tableIdentity } from './store/replication-table.ts'

type Given = ProgramArguments<typeof settings.shape>

const FLAGS = ['apply', 'leave-out-unreadable'] as const

/** `volume-manager rebuild`: from the extents alone. */
export async function rebuildCommand(program: Given): Promise<void> {
  const { flags } = readCommandOptions(program.args, { flags: FLAGS, operands: [] })
  await runRebuild(program, { flags, from: undefined })
}

/** `volume-manager restore FOLDER`: from a backup, made right by the extents. */
export async function restoreCommand(program: Given): Promise<void> {
  const { flags, operands } = readCommandOptions(program.args, {
    flags: FLAGS,
    operands: ['FOLDER'],
  })
  await runRebuild(program, { flags, from: operands[0] })
}

/** `volume-manager backup FOLDER`: of the table of the running leader. */
export async function backUpCommand(given: Given): Promise<void> {
  const { operands } = readCommandOptions(given.args, { flags: [], operands: ['FOLDER'] })
  const config = configOf(given)
  const { pocket, zone, cellId, coordinationDir: directory } = config
  const [clock, random] = [new SystemClock(), new SystemRandom()]
  const coordinator = await DirectoryCoordinator.open({ directory, clock, random })
  const addressBook = new AddressBook({ coordinator, clock })
  const client = createRpcClient(VolumeManager, {
    identity: { pocket, zone, cellId, kind: 'cli', id: 'backup' },
    resolve: addressBook.resolver('volume-manager', `${cellId}-*`, 'rpc'),
  })
  const manifest = await receiveBackup({
    folder: operands[0] ?? '',
    expected: tableIdentity(config),
    parts: client.backUp({}, { signal: given.signal }),
    random,
  })
  client.close()
  await coordinator.close()
  printReceipt(manifest)
}

async function runRebuild(
  program: Given,
  given: {
    readonly flags: Readonly<Record<(typeof FLAGS)[number], boolean>>
    readonly from: string | undefined
  },
): Promise<void> {
  const config = configOf(program)
  const [clock, random] = [new SystemClock(), new SystemRandom()]
  const directory = config.coordinationDir
  const coordinator = await DirectoryCoordinator.open({ directory, clock, random })
  const receipt = await rebuildTable({
    ...{ config, coordinator, clock, random, signal: program.signal, from: given.from },
    tell: (line) => process.stderr.write(`${line}\n`),
    apply: given.flags.apply,
    leaveOutUnreadable: given.flags['leave-out-unreadable'],
  })
  await coordinator.close()
  printReceipt(receipt)
}

function printReceipt(receipt: object): void {
  process.stdout.write(`${JSON.stringify(receipt)}\n`)
}
