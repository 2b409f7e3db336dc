/**
 * Goal: a disk is known by what is on it. A restart that gives it the device number of another one
 * costs nothing; a folder where it is not mounted is refused, also with a copy of its files in it.
 *
 * Method: two file systems on loop devices, mounted in one order and then in the other; and the
 * files of one, copied to below its mount point.
 */
import { cp, mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB } from '@kura/core'
import { chooseFreePorts, type LocalService } from '@kura/local'
import { MountedDisk } from '@kura/testkit'
import { expect } from 'vitest'
import { faultTest } from '../support/faults/fault-test.ts'
import { makeScratchFolder } from '../support/faults/scratch-folder.ts'
import { makeStoreService } from '../support/faults/store-service.ts'

const DISK_BYTES = 64 * MIB

async function makeDisk(folder: string, name: string): Promise<MountedDisk> {
  const own = join(folder, name)
  await mkdir(own)
  const disk = { fileSystem: 'ext4', device: 'file', sizeBytes: DISK_BYTES } as const
  return await MountedDisk.make({ ...disk, folder: own })
}

async function makeNode(folder: string, disk: MountedDisk, osdId: number): Promise<LocalService> {
  const [port] = await chooseFreePorts(1)
  const made = await makeStoreService('storage-node', {
    dataDir: disk.path,
    besideDir: join(folder, 'beside'),
    adminAddress: `127.0.0.1:${port}`,
    settings: { osd_id: osdId },
  })
  return made.service
}

async function expectStart(node: LocalService): Promise<void> {
  node.start()
  await node.waitReady()
  await node.kill()
}

/** What it says when it ends instead of serving. */
async function expectRefusal(folder: string, node: LocalService): Promise<string> {
  node.start()
  await expect(node.waitReady()).rejects.toThrow('not running (exit code')
  return await readFile(join(folder, 'beside', `${node.name}.log`), 'utf8')
}

const name = 'disks whose devices change places are served, and one that is not mounted is refused'
faultTest(name, { needs: ['ext4'] }, async () => {
  const folder = await makeScratchFolder(2 * DISK_BYTES)
  try {
    await using one = await makeDisk(folder, 'one')
    await using two = await makeDisk(folder, 'two')
    const nodes = [await makeNode(folder, one, 1), await makeNode(folder, two, 2)] as const

    const { dev } = await stat(one.path)
    await one.unmount()
    await two.unmount()
    await two.mount()
    await one.mount()
    expect((await stat(one.path)).dev, 'the number of its device').not.toBe(dev)
    for (const node of nodes) await expectStart(node)

    const copy = join(folder, 'copy')
    await cp(one.path, copy, { recursive: true })
    await one.unmount()
    expect(await expectRefusal(folder, nodes[0])).toContain('genesis-missing')
    await rename(one.path, join(folder, 'mount-point'))
    await rename(copy, one.path)
    expect(await expectRefusal(folder, nodes[0])).toContain('identity-mismatch')
    await one.mount()
    await expectStart(nodes[0])
  } finally {
    await rm(folder, { recursive: true })
  }
})
