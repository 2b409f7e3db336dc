import { basename, dirname, resolve } from 'node:path'
import { initialiseDisk, NodeDisk, type DiskIdentity } from '@kura/extent'
import { SystemRandom } from '@kura/runtime'
import type { StorageNodeConfig } from './config.ts'

/**
 * Genesis: makes a directory the disk of this storage node, for ever; its
 * parent must exist. Throws `already-initialised`. Durable: the identity.
 */
export async function initialise(config: StorageNodeConfig): Promise<DiskIdentity> {
  const { pocket, zone, cellId, osdId, dataDir } = config
  const path = resolve(dataDir)
  await (await NodeDisk.open(dirname(path))).makeDirectory(basename(path))
  const disk = await NodeDisk.open(path)
  return await initialiseDisk(disk, { pocket, zone, cellId, osdId, random: new SystemRandom() })
}
