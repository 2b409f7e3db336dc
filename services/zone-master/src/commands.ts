/** What an operator runs beside the service: each prints its receipt, one line of JSON. */
import { AddressBook, DirectoryCoordinator } from '@kura/coordination'
import { receiveBackup } from '@kura/database'
import { ZoneMaster } from '@kura/proto'
import { createRpcClient } from '@kura/rpc'
import { readCommandOptions, SystemClock, SystemRandom, type ProgramArguments } from '@kura/runtime'
import { configOf, type settings } from './config.ts'
import { restoreRegistry } from './restore-registry.ts'
import { databaseIdentity } from './store/schema.ts'

type Given = ProgramArguments<typeof settings.shape>

/** `zone-master restore FOLDER`: from a backup. */
export async function restoreCommand(given: Given): Promise<void> {
  const { flags, operands } = readCommandOptions(given.args, {
    flags: ['apply'],
    operands: ['FOLDER'],
  })
  const config = configOf(given)
  const [clock, random] = [new SystemClock(), new SystemRandom()]
  const directory = config.coordinationDir
  const coordinator = await DirectoryCoordinator.open({ directory, clock, random })
  const [from = ''] = operands
  const { apply } = flags
  const receipt = await restoreRegistry({
    ...{ config, coordinator, clock, random, signal: given.signal, from, apply },
  })
  await coordinator.close()
  printReceipt(receipt)
}

/** `zone-master backup FOLDER`: of the registry of the running leader. */
export async function backUpCommand(given: Given): Promise<void> {
  const { operands } = readCommandOptions(given.args, { flags: [], operands: ['FOLDER'] })
  const config = configOf(given)
  const { pocket, zone, coordinationDir: directory } = config
  const [clock, random] = [new SystemClock(), new SystemRandom()]
  const coordinator = await DirectoryCoordinator.open({ directory, clock, random })
  const addressBook = new AddressBook({ coordinator, clock })
  const client = createRpcClient(ZoneMaster, {
    identity: { pocket, zone, kind: 'cli', id: 'backup' },
    resolve: addressBook.resolver('zone-master', undefined, 'rpc'),
  })
  const manifest = await receiveBackup({
    folder: operands[0] ?? '',
    expected: databaseIdentity(config),
    parts: client.backUp({}, { signal: given.signal }),
    random,
  })
  client.close()
  await coordinator.close()
  printReceipt(manifest)
}

function printReceipt(receipt: object): void {
  process.stdout.write(`${JSON.stringify(receipt)}\n`)
}
