/**
 * Makes a lost replication table anew from the extents alone, or a restored backup right by them.
 * Storage nodes run, the volume manager does not: this command holds its election meanwhile. Puts
 * to volumes that are open on the disks may go on; the new table has these closing, and closing
 * finds whatever they took.
 */
import {
  KuraError,
  REPLICA_COUNT,
  splitId,
  type BucketId,
  type Clock,
  type Coordinator,
  type DiskUuid,
  type ExtentId,
  type Incarnation,
  type Random,
  type Volume,
  type VolumeId,
} from '@kura/core'
import { holdElection } from '@kura/coordination'
import { DatabaseReplacement, readBackup, type KuraDatabase } from '@kura/database'
import type { VolumeManagerConfig } from '../config.ts'
import type { DiskRecord } from '../store/disk-rows.ts'
import { ReplicationTable, tableIdentity, tablePath } from '../store/replication-table.ts'
import { MIGRATIONS } from '../store/schema.ts'
import type { FoundDisk } from './found-disk.ts'
import { listUnderReplicated, planTable, type TablePlan } from './plan-table.ts'
import { readDisks, readIndexIncarnation, readRegistry } from './read-disks.ts'
import { writeTable } from './write-table.ts'

/** Volumes of an older table that are read at once. */
const PAGE_VOLUMES = 1_000

export interface RebuildTableOptions {
  readonly config: VolumeManagerConfig
  readonly coordinator: Coordinator
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  /** Takes lines of progress. */
  readonly tell: (line: string) => void
  /** False: only look. */
  readonly apply: boolean
  /** Go on without disks that should be there. */
  readonly leaveOutUnreadable: boolean
  /** Folder of a backup that stands for what the disks do not contradict. */
  readonly from?: string | undefined
}

/** What was done, or would be. */
export interface RebuildTableReceipt {
  readonly applied: boolean
  readonly incarnation: Incarnation | { readonly number: number }
  /** The first leader's is one above. */
  readonly epoch: number
  readonly disks: number
  readonly silentNodes: readonly string[]
  readonly missingDisks: readonly DiskUuid[]
  readonly extents: number
  readonly closedVolumes: number
  /** Volumes whose copies the next leader unites before they count as closed. */
  readonly closingVolumes: number
  readonly underReplicatedBuckets: readonly BucketId[]
  /** Of the backup, with no extent on any disk that was reached. */
  readonly unseenVolumes: readonly VolumeId[]
  /** Left out because others contradict them; they stay on their disks. */
  readonly contradictedExtents: readonly ExtentId[]
  /** Files in `extents/` that no storage node understands; they stay on their disks. */
  readonly notUnderstoodFiles: number
  readonly replacedFolder?: string | undefined
}

/**
 * Throws `locked` while an instance leads the cell, and `unavailable` where a disk is missing that
 * is not to be left out; then everything is as it was. Durable, where applied: the new table.
 */
export async function rebuildTable(options: RebuildTableOptions): Promise<RebuildTableReceipt> {
  const { config, random, coordinator } = options
  const election = `volume-manager-${config.cellId}`
  const leadership = await holdElection(coordinator, election, options)
  try {
    const path = tablePath(config.dataDir)
    const expected = tableIdentity(config)
    const place = { path, expected, migrations: MIGRATIONS, random }
    using replacement = DatabaseReplacement.begin(place)
    return await replaceTable(replacement, options)
  } finally {
    await leadership.resign()
  }
}

async function replaceTable(
  replacement: DatabaseReplacement,
  options: RebuildTableOptions,
): Promise<RebuildTableReceipt> {
  const { pocket, zone, cellId } = options.config
  const peers = { ...options, pocket, zone, cellId }
  options.tell('asking the storage nodes')
  const { disks, silentNodes } = await readDisks(peers)
  const registry = await readRegistry(peers)
  const index = await readIndexIncarnation(peers)
  const older = await readOlder(replacement, options)
  const plan = planTable(disks, older?.volumes)
  const epochs = [registry.epoch, older?.epoch ?? 0, ...disks.map((disk) => disk.epoch)]
  const numbers = [
    replacement.inPlace?.incarnation.number ?? 0,
    older?.incarnation.number ?? 0,
    index?.number ?? 0,
    ...disks.flatMap((disk) => disk.extents.map(({ extentId }) => bornIn(extentId))),
  ]
  const number = Math.max(...numbers) + 1
  const epoch = Math.max(...epochs) + 1
  const reached = new Set(disks.map(({ diskUuid }) => diskUuid))
  const missingDisks = registry.diskUuids.filter((diskUuid) => !reached.has(diskUuid))
  const found = { epoch, silentNodes, missingDisks, ...describePlan(plan, disks) }
  if (!options.apply) return { applied: false, incarnation: { number }, ...found }
  refuseMissing(found, options)
  const database = replacement.create({ incarnationNumber: number })
  options.tell(`writing ${plan.volumes.length} volumes`)
  writeTable(database, {
    epoch,
    trustedIndex: older?.trustedIndex ?? index,
    disks: joinDisks(disks, older?.disks ?? []),
    volumes: plan.volumes,
  })
  const { incarnation } = database.genesis
  const replacedFolder = replacement.publish()
  return { applied: true, incarnation, ...found, replacedFolder }
}

interface OlderTable {
  readonly incarnation: Incarnation
  readonly epoch: number
  readonly trustedIndex: Incarnation | undefined
  readonly disks: readonly DiskRecord[]
  readonly volumes: readonly Volume[]
}

async function readOlder(
  replacement: DatabaseReplacement,
  { config, from }: RebuildTableOptions,
): Promise<OlderTable | undefined> {
  if (from === undefined) return undefined
  const { manifest, databasePath } = await readBackup(from, tableIdentity(config))
  using source = replacement.openCopy(databasePath)
  const table = ReplicationTable.takeOver(source.database, config.cellId)
  return {
    incarnation: manifest.incarnation,
    epoch: table.epoch,
    trustedIndex: table.transactions.trustedIndexIncarnation(),
    disks: table.disks.all(),
    volumes: readVolumes(source.database, table),
  }
}

function readVolumes(database: KuraDatabase, table: ReplicationTable): readonly Volume[] {
  const page = database.prepare<{ readonly volume_id: VolumeId }>(
    'select volume_id from volumes where volume_id > ? order by volume_id limit ?',
  )
  const volumes: Volume[] = []
  for (let after = 0; ;) {
    const ids = page.all(after, PAGE_VOLUMES).map(({ volume_id: volumeId }) => volumeId)
    volumes.push(...ids.map((id) => table.volumes.get(id)).filter((volume) => volume !== undefined))
    const last = ids.at(-1)
    if (last === undefined) return volumes
    after = last
  }
}

/** Blocks whose copies all lie on disks that are left out have no place until another run. */
function refuseMissing(
  found: Pick<RebuildTableReceipt, 'silentNodes' | 'missingDisks' | 'disks'>,
  { leaveOutUnreadable }: RebuildTableOptions,
): void {
  if (found.disks === 0) {
    throw new KuraError('unavailable', 'no storage node of this cell answers', {
      hint: 'start them: the table is made from what is on their disks',
    })
  }
  const missing = [...found.silentNodes.map((id) => `node ${id}`), ...found.missingDisks]
  if (missing.length === 0 || leaveOutUnreadable) return
  throw new KuraError('unavailable', `missing: ${missing.slice(0, 10).join(', ')}`, {
    hint: 'start these nodes; --leave-out-unreadable goes on without what only they have',
  })
}

function describePlan(plan: TablePlan, disks: readonly FoundDisk[]) {
  const { volumes, contradicted, unseenVolumes } = plan
  return {
    disks: disks.length,
    extents: disks.reduce((sum, { extents }) => sum + extents.length, 0),
    closedVolumes: volumes.filter(({ state }) => state === 'closed').length,
    closingVolumes: volumes.filter(({ state }) => state === 'closing').length,
    underReplicatedBuckets: listUnderReplicated(volumes, REPLICA_COUNT),
    unseenVolumes,
    contradictedExtents: contradicted.map(({ extentId }) => extentId),
    notUnderstoodFiles: disks.reduce((sum, disk) => sum + disk.notUnderstoodCount, 0),
  }
}

/** The registry says again which of them drain or are out; until then a found disk joins. */
function joinDisks(
  found: readonly FoundDisk[],
  older: readonly DiskRecord[],
): readonly DiskRecord[] {
  const records = new Map(older.map((record) => [record.diskUuid, record]))
  for (const { diskUuid, osdId, domains, suspect } of found) {
    const state = suspect ? 'suspect' : (records.get(diskUuid)?.state ?? 'joining')
    records.set(diskUuid, { diskUuid, osdId, domains, state })
  }
  return [...records.values()]
}

function bornIn(extentId: ExtentId): number {
  return splitId(extentId).tableIncarnation
}
