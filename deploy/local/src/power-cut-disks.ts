/**
 * Storage nodes on disks whose power can be cut: each has a file system of its own on a disk of the
 * test kit, which loses what no flush has made durable. Media are files below the zone's folder, so
 * that a zone on such disks is stopped and started as any other. Needs root, FUSE and a compiler.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GIB, KuraError } from '@kura/core'
import type { MountedDisk } from '@kura/testkit'
import type { LocalService } from './local-service.ts'

/** Of each disk. Its medium takes only what has been written. */
const DISK_BYTES = 4 * GIB
const MEDIA_FOLDER = 'disks'
const NEEDS =
  'it needs root, loop devices, /dev/fuse, and Debian’s e2fsprogs, gcc, pkg-config, libfuse3-dev'

/** A storage node, and the folder that its disk is mounted on. */
export interface NodeFolder {
  readonly name: string
  readonly path: string
}

/** How a cut went. */
export interface PowerCut {
  /** Whether bytes that nobody had synced are gone: a cut that they survive was none. */
  readonly isUnsyncedGone: boolean
}

export class PowerCutDisks implements AsyncDisposable {
  readonly #disks: ReadonlyMap<string, MountedDisk>
  #cutCount = 0
  /** Cuts run one after the other. */
  #last: Promise<unknown> = Promise.resolve()
  #isClosed = false

  private constructor(disks: ReadonlyMap<string, MountedDisk>) {
    this.#disks = disks
  }

  /** Makes the disks that are new and mounts all. Throws `setting-invalid` where that cannot be. */
  static async mount(dataDir: string, nodes: readonly NodeFolder[]): Promise<PowerCutDisks> {
    const { MountedDisk: Disk, runTool } = await import('@kura/testkit')
    const disks = new Map<string, MountedDisk>()
    try {
      for (const { name, path } of nodes) {
        const folder = join(dataDir, MEDIA_FOLDER, name)
        await mkdir(folder, { recursive: true })
        // A launcher that was killed left them behind; the file system goes before its disk.
        for (const stale of [path, join(folder, 'device')]) {
          if (await isMounted(stale)) await runTool('umount', ['--lazy', stale])
        }
        const disk = await Disk.make({
          folder,
          mountPoint: path,
          fileSystem: 'ext4',
          device: 'fault-disk',
          sizeBytes: DISK_BYTES,
        })
        disks.set(name, disk)
      }
      return new PowerCutDisks(disks)
    } catch (error) {
      await new PowerCutDisks(disks)[Symbol.asyncDispose]()
      const reason = error instanceof Error ? error.message : String(error)
      const message = `no disks whose power can be cut on this machine: ${reason}`
      throw new KuraError('setting-invalid', message, { cause: error, hint: NEEDS })
    }
  }

  /**
   * Cuts the power of one node's disk while the node is at work: the process is frozen, the disk
   * forgets, the process is killed, the power comes back, and the node is started again.
   */
  async cut(service: LocalService): Promise<PowerCut> {
    const cut = this.#last.then(() => this.#cut(service))
    this.#last = cut.catch(() => undefined)
    return await cut
  }

  /** Waits for the cut under way; there are no more. */
  async refuseCuts(): Promise<void> {
    this.#isClosed = true
    await this.#last
  }

  /** Unmounts. The nodes must have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.refuseCuts()
    for (const disk of this.#disks.values()) await disk[Symbol.asyncDispose]()
  }

  async #cut(service: LocalService): Promise<PowerCut> {
    const disk = this.#disks.get(service.name)
    if (disk === undefined) {
      throw new KuraError('invalid-argument', `${service.name} has no disk whose power can be cut`)
    }
    if (this.#isClosed) throw new KuraError('shutting-down', 'the zone is stopping')
    this.#cutCount += 1
    const seed = this.#cutCount
    await disk.writeControl()
    await service.kill('SIGSTOP')
    try {
      // Every other time half of the disk's cache has reached the medium by luck, in any order.
      await disk.cutAfterControl({ seed, keptPercent: seed % 2 === 0 ? 50 : 0 })
    } finally {
      await service.halt()
    }
    const { isControlGone } = await disk.recover()
    service.start()
    return { isUnsyncedGone: isControlGone }
  }
}

async function isMounted(path: string): Promise<boolean> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
  return lines.some((line) => line.split(' ')[4] === path.replaceAll(' ', '\\040'))
}
