/** A storage node alone: its process on a disk of the bench, and a client of its block listener. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BLOCK_SIZE_BYTES_MAX, hashToBytes, KuraError, toKuraError } from '@kura/core'
import type { BlockHash, DiskUuid, ExtentId } from '@kura/core'
import { chooseFreePorts, LocalService, programOf, PROCESS_ENVIRONMENT } from '@kura/local'
import { SystemClock } from '@kura/runtime'
import { BlockClient } from '@kura/transport'
import { DISK_OWNER, VOLUME } from './extent-disk.ts'

const HOST = '127.0.0.1'
/** Between two attempts to read: as exact as the figure can be. */
const POLL_MS = 2
const READ_TIMEOUT_MS = 10_000
const START_TIMEOUT_MS = 60_000
const never = new AbortController().signal

export interface StoredRecord {
  readonly extentId: ExtentId
  readonly hash: BlockHash
}

export interface NodePlace {
  /** For settings, log and announcements; the disk may be in it. */
  readonly folder: string
  readonly diskFolder: string
  readonly diskUuid: DiskUuid
}

/**
 * Starts the process, and stops it when the record was read. Answers the seconds from its start to
 * the whole answer, whose CRC-32 the client has verified.
 */
export async function timeFirstRead(place: NodePlace, record: StoredRecord): Promise<number> {
  const [rpc = 0, block = 0, admin = 0] = await chooseFreePorts(3)
  const address = (port: number): string => `${HOST}:${port}`
  const settingsPath = join(place.folder, 'storage-node.toml')
  await writeSettings(settingsPath, place, {
    rpc_address: address(rpc),
    block_address: address(block),
    admin_address: address(admin),
  })
  const service = new LocalService({
    name: 'storage-node-1-1',
    kind: 'storage-node',
    program: programOf('storage-node'),
    dataDir: place.diskFolder,
    adminAddress: address(admin),
    settingsPath,
    environment: { ...process.env, ...PROCESS_ENVIRONMENT },
    logPath: join(place.folder, 'storage-node.log'),
    restarts: false,
    tell: () => undefined,
    warn: () => undefined,
  })
  const { pocket, zone } = DISK_OWNER
  const hello = { pocket, zone, role: 'frontend' } as const
  const client = new BlockClient({ hello, clock: new SystemClock() })
  const target = Buffer.alloc(BLOCK_SIZE_BYTES_MAX)
  try {
    const startedAtMs = performance.now()
    service.start()
    const read = async () =>
      await readOnce(client, { address: address(block), place, record, target })
    while (!(await isAnswered(read, service, startedAtMs))) await sleep(POLL_MS)
    return (performance.now() - startedAtMs) / 1000
  } finally {
    client.close()
    await service.halt()
    service.close()
  }
}

async function writeSettings(
  path: string,
  { folder, diskFolder }: NodePlace,
  addresses: Readonly<Record<string, string>>,
): Promise<void> {
  const { pocket, zone, cellId, osdId } = DISK_OWNER
  const settings = {
    pocket,
    zone,
    cell_id: cellId,
    osd_id: osdId,
    data_dir: diskFolder,
    coordination_dir: join(folder, 'coordination'),
    stop_with_stdin: true,
    ...addresses,
  }
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = ${JSON.stringify(value)}\n`,
  )
  await writeFile(path, lines.join(''))
}

/** False while nobody listens yet; throws what else goes wrong. */
async function isAnswered(
  read: () => Promise<void>,
  service: LocalService,
  startedAtMs: number,
): Promise<boolean> {
  try {
    await read()
    return true
  } catch (error) {
    const failure = toKuraError(error)
    const isStarting = failure.code === 'unavailable' && service.isRunning
    const isLate = performance.now() - startedAtMs > START_TIMEOUT_MS
    if (isStarting && !isLate) return false
    throw new KuraError(failure.code, `the storage node does not answer: ${failure.message}`, {
      details: { lastExit: service.lastExit },
      cause: error,
    })
  }
}

async function readOnce(
  client: BlockClient,
  from: {
    readonly address: string
    readonly place: NodePlace
    readonly record: StoredRecord
    readonly target: Buffer
  },
): Promise<void> {
  const { record, place, target } = from
  const address = {
    pocket: DISK_OWNER.pocket,
    diskUuid: place.diskUuid,
    volumeId: BigInt(VOLUME),
    extentId: BigInt(record.extentId),
  }
  const value = { address, hash: hashToBytes(record.hash) }
  await client.exchange(
    from.address,
    { requestId: 'first-get', operation: { case: 'readRecord', value } },
    {
      timeoutMs: READ_TIMEOUT_MS,
      signal: never,
      receive: (sizeBytes) => target.subarray(0, sizeBytes),
    },
  )
}
