/** A storage node and a block index on a disk of their own, for the length of one test. */
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB } from '@kura/core'
import { type Device, type FileSystem, MountedDisk } from '@kura/testkit'
import { makeScratchFolder } from './scratch-folder.ts'
import { StoreClient } from './store-client.ts'
import { StoreProcesses } from './store-processes.ts'

const DISK_BYTES = 2048 * MIB
/** The smallest that mkfs.xfs makes. */
const INDEX_DISK_BYTES = 300 * MIB
const LOG_LINES_SHOWN = 12

export interface StoresOptions {
  readonly fileSystem: FileSystem
  readonly device: Device
  readonly sizeBytes?: number
  /** More arguments for mkfs. */
  readonly formatArgs?: readonly string[]
  /** How long the client waits for an answer. */
  readonly timeoutMs?: number
  /** Whether the index has its own disk: else a sync of the one is a flush for the other. */
  readonly separateIndex?: boolean
  readonly nodeEnvironment?: (folder: string) => NodeJS.ProcessEnv
}

export interface Stores {
  /** The storage node's, and the index's where that has none of its own. */
  readonly disk: MountedDisk
  /** All there are. */
  readonly disks: readonly MountedDisk[]
  readonly processes: StoreProcesses
  readonly client: StoreClient
  /** Outside of the disk under test. */
  readonly folder: string
}

export async function withStores(
  options: StoresOptions,
  body: (stores: Stores) => Promise<void>,
): Promise<void> {
  const { sizeBytes = DISK_BYTES, nodeEnvironment, timeoutMs } = options
  const folder = await makeScratchFolder(sizeBytes)
  try {
    await using disk = await MountedDisk.make({ ...options, folder, sizeBytes })
    await using indexDisk = await makeIndexDisk(options, folder)
    const disks = indexDisk === undefined ? [disk] : [disk, indexDisk]
    await using processes = await StoreProcesses.start({
      nodeDir: join(disk.path, 'storage-node'),
      indexDir: join((indexDisk ?? disk).path, 'block-index'),
      besideDir: join(folder, 'beside'),
      ...(nodeEnvironment !== undefined && { nodeEnvironment: nodeEnvironment(folder) }),
    })
    const client = new StoreClient(processes, timeoutMs === undefined ? {} : { timeoutMs })
    try {
      await body({ disk, disks, processes, client, folder })
    } catch (error) {
      await showLogs(join(folder, 'beside'))
      throw error
    } finally {
      client.close()
      // A process that waits for its disk cannot be killed.
      for (const each of disks) await each.heal()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function makeIndexDisk(
  { fileSystem, device, separateIndex = false }: StoresOptions,
  besideFolder: string,
): Promise<MountedDisk | undefined> {
  if (!separateIndex) return undefined
  const folder = join(besideFolder, 'index-disk')
  return await MountedDisk.make({ folder, fileSystem, device, sizeBytes: INDEX_DISK_BYTES })
}

/** What the services said last, before the folder goes. */
async function showLogs(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter((each) => each.endsWith('.log'))) {
    const lines = (await readFile(join(folder, name), 'utf8')).trimEnd().split('\n')
    process.stdout.write(`${name}, its end:\n${lines.slice(-LOG_LINES_SHOWN).join('\n')}\n`)
  }
}
