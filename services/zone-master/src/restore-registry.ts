/**
 * Puts a backup in the place of a lost or damaged zone registry. Cells and disks that are newer
 * than the backup register again with the next reports; weights and the audit log are as of then.
 */
import type { Clock, Coordinator, Incarnation, Random } from '@kura/core'
import { holdElection } from '@kura/coordination'
import { DatabaseReplacement, readBackup } from '@kura/database'
import type { ZoneMasterConfig } from './config.ts'
import { ELECTION } from './workers/campaigner.ts'
import { databaseIdentity, databasePath, MIGRATIONS } from './store/schema.ts'

export interface RestoreRegistryOptions {
  readonly config: ZoneMasterConfig
  readonly coordinator: Coordinator
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  /** Folder of the backup. */
  readonly from: string
  /** False: only look. */
  readonly apply: boolean
}

export interface RestoreRegistryReceipt {
  readonly applied: boolean
  readonly incarnation: Incarnation | { readonly number: number }
  readonly takenAtMs: number
  readonly replacedFolder?: string | undefined
}

/**
 * Throws `locked` while a zone master leads, and what `readBackup` throws; then everything is as it
 * was. Durable, where applied: the registry.
 */
export async function restoreRegistry(
  options: RestoreRegistryOptions,
): Promise<RestoreRegistryReceipt> {
  const { config, random, from, apply } = options
  const leadership = await holdElection(options.coordinator, ELECTION, options)
  try {
    const expected = databaseIdentity(config)
    const path = databasePath(config.dataDir)
    const place = { path, expected, migrations: MIGRATIONS, random }
    using replacement = DatabaseReplacement.begin(place)
    const { manifest, databasePath: copy } = await readBackup(from, expected)
    const inPlace = replacement.inPlace?.incarnation.number ?? 0
    const number = Math.max(inPlace, manifest.incarnation.number) + 1
    const { takenAtMs } = manifest
    if (!apply) return { applied: false, incarnation: { number }, takenAtMs }
    const { genesis } = replacement.create({ incarnationNumber: number, from: copy })
    const replacedFolder = replacement.publish()
    return { applied: true, incarnation: genesis.incarnation, takenAtMs, replacedFolder }
  } finally {
    await leadership.resign()
  }
}
