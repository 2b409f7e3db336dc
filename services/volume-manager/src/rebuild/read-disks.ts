/** Asks every storage node of a cell what lies on its disk. */
import {
  isKuraError,
  KuraError,
  parseDiskUuid,
  type CellId,
  type Clock,
  type Coordinator,
  type DiskUuid,
  type Incarnation,
  type PocketId,
  type ZoneId,
} from '@kura/core'
import { AddressBook } from '@kura/coordination'
import { BlockIndex, StorageNode, ZoneMaster } from '@kura/proto'
import { createRpcClient, type ProcessIdentity } from '@kura/rpc'
import { parseFoundDisk, type FoundDisk } from './found-disk.ts'

const LIST_TIMEOUT_MS = 30_000
/** A node that is being started again gets this many chances. */
const ATTEMPTS_MAX = 6
const PAUSE_MS = 500

export interface CellPeersOptions {
  readonly pocket: PocketId
  readonly zone: ZoneId
  readonly cellId: CellId
  readonly coordinator: Coordinator
  readonly clock: Clock
  readonly signal: AbortSignal
}

export interface FoundDisks {
  readonly disks: readonly FoundDisk[]
  /** Nodes that were announced and do not answer, e.g. `1-3`. */
  readonly silentNodes: readonly string[]
}

/** Throws `identity-mismatch` where two nodes show one disk: which of them is it? */
export async function readDisks(options: CellPeersOptions): Promise<FoundDisks> {
  const members = await options.coordinator.members('storage-node')
  const ids = members.map(({ id }) => id).filter((id) => id.startsWith(`${options.cellId}-`))
  const found = await Promise.all(ids.map((id) => readDisk(options, id)))
  const disks = found.filter((disk) => disk !== undefined)
  refuseTwins(disks)
  return { disks, silentNodes: ids.filter((_, index) => found[index] === undefined) }
}

async function readDisk(options: CellPeersOptions, id: string): Promise<FoundDisk | undefined> {
  const { coordinator, clock, signal } = options
  const addressBook = new AddressBook({ coordinator, clock })
  const client = createRpcClient(StorageNode, {
    identity: identityOf(options),
    resolve: addressBook.resolver('storage-node', id, 'rpc'),
  })
  try {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      try {
        return parseFoundDisk(await client.listExtents({}, { signal, timeoutMs: LIST_TIMEOUT_MS }))
      } catch (error) {
        if (!isKuraError(error, 'unavailable', 'deadline-exceeded', 'shutting-down')) throw error
        if (attempt < ATTEMPTS_MAX) await clock.sleep(PAUSE_MS, { signal })
      }
    }
    return undefined
  } finally {
    client.close()
  }
}

function refuseTwins(disks: readonly FoundDisk[]): void {
  const byUuid = Map.groupBy(disks, ({ diskUuid }) => diskUuid)
  for (const [diskUuid, twins] of byUuid) {
    if (twins.length === 1) continue
    const osdIds = twins.map(({ osdId }) => osdId).join(' and ')
    throw new KuraError('identity-mismatch', `storage nodes ${osdIds} show the same disk`, {
      details: { diskUuid },
      hint: 'one of them is a copy: stop its node',
    })
  }
}

/** The incarnation of the block index, where it runs; it need not. */
export async function readIndexIncarnation(
  options: CellPeersOptions,
): Promise<Incarnation | undefined> {
  const { coordinator, clock, signal } = options
  const addressBook = new AddressBook({ coordinator, clock })
  const client = createRpcClient(BlockIndex, {
    identity: identityOf(options),
    resolve: addressBook.resolver('block-index', undefined, 'rpc'),
  })
  try {
    const { incarnation } = await client.getIndexStatus({}, { signal })
    return incarnation === undefined
      ? undefined
      : { number: incarnation.number, random: incarnation.random }
  } catch (error) {
    return nothingWhereSilent(error)
  } finally {
    client.close()
  }
}

export interface RegistryMemory {
  /** Highest epoch under which the cell reported. */
  readonly epoch: number
  /** Disks that should be there. */
  readonly diskUuids: readonly DiskUuid[]
}

/** What the zone master remembers of the cell, where it runs; it need not. */
export async function readRegistry(options: CellPeersOptions): Promise<RegistryMemory> {
  const { coordinator, clock, signal } = options
  const addressBook = new AddressBook({ coordinator, clock })
  const client = createRpcClient(ZoneMaster, {
    identity: identityOf(options),
    resolve: addressBook.resolver('zone-master', undefined, 'rpc'),
  })
  try {
    const { cells } = await client.getZoneStatus({}, { signal })
    const status = cells.find((cell) => cell.status?.cellId === options.cellId)?.status
    const disks = status?.disks.filter(({ state }) => state !== 'out') ?? []
    return {
      epoch: Number(status?.epoch ?? 0n),
      diskUuids: disks.map(({ diskUuid }) => parseDiskUuid(diskUuid)),
    }
  } catch (error) {
    return nothingWhereSilent(error) ?? { epoch: 0, diskUuids: [] }
  } finally {
    client.close()
  }
}

function nothingWhereSilent(error: unknown): undefined {
  if (isKuraError(error, 'unavailable', 'not-leader', 'deadline-exceeded')) return undefined
  throw error
}

function identityOf({ pocket, zone, cellId }: CellPeersOptions): ProcessIdentity {
  return { pocket, zone, cellId, kind: 'cli', id: 'rebuild' }
}
