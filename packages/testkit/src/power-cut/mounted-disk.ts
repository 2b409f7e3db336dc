/**
 * A file system of its own for tests, on a loop device, whose power can be cut.
 *
 * On a `file` the cut is the file system's own: the shutdown ioctl stops it between two operations
 * with nothing written back, journal included. On a `fault-disk` it is the disk's: whatever no
 * flush has made durable is lost, also what the file system had handed down already.
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FaultDisk, type SectorRange } from './fault-disk.ts'
import { runTool } from './run-tool.ts'

export type FileSystem = 'ext4' | 'xfs'
export type Device = 'file' | 'fault-disk'

const FORMAT: Readonly<Record<FileSystem, readonly string[]>> = {
  ext4: ['mkfs.ext4', '-q', '-F', '-E', 'nodiscard'],
  xfs: ['mkfs.xfs', '-q', '-f', '-K'],
}
const CONTROL_BYTES = 200_000
const UNMOUNT_TIMEOUT_MS = 20_000
const UNMOUNT_POLL_MS = 10
const SECTOR_BYTES = 512

export interface MountedDiskOptions {
  /** A folder for device and medium: an empty one, or one with the medium of an earlier disk. */
  readonly folder: string
  /** In the folder by default. */
  readonly mountPoint?: string
  readonly fileSystem: FileSystem
  readonly device: Device
  readonly sizeBytes: number
  /** More arguments for mkfs. */
  readonly formatArgs?: readonly string[]
}

export class MountedDisk implements AsyncDisposable {
  readonly fileSystem: FileSystem
  readonly device: Device
  /** Where the file system is mounted. */
  readonly path: string
  /** What the loop device is put on. */
  readonly #file: string
  readonly #faults: FaultDisk | undefined
  #isMounted = false
  #cutCount = 0

  private constructor(
    options: MountedDiskOptions,
    parts: { readonly file: string; readonly faults: FaultDisk | undefined },
  ) {
    this.fileSystem = options.fileSystem
    this.device = options.device
    this.path = mountPointOf(options)
    this.#file = parts.file
    this.#faults = parts.faults
  }

  /** Formats, where the folder has no medium yet, and mounts. */
  static async make(options: MountedDiskOptions): Promise<MountedDisk> {
    const { folder } = options
    const medium = join(folder, 'medium')
    await mkdir(folder, { recursive: true })
    await mkdir(mountPointOf(options), { recursive: true })
    if (!existsSync(medium)) await formatMedium(medium, options)
    const faults =
      options.device === 'file' ? undefined : await FaultDisk.start(medium, join(folder, 'device'))
    const disk = new MountedDisk(options, { file: faults?.path ?? medium, faults })
    try {
      await disk.mount()
      return disk
    } catch (error) {
      await disk[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Throws on a disk that is a plain file. */
  get faults(): FaultDisk {
    if (this.#faults === undefined) throw new Error('a plain file has no faults')
    return this.#faults
  }

  /** On any loop device that is free, which goes with the mount. */
  async mount(): Promise<void> {
    await runTool('mount', ['-o', 'loop', this.#file, this.path])
    this.#isMounted = true
  }

  /** Waits for processes that are still dying. */
  async unmount(): Promise<void> {
    const endsAtMs = performance.now() + UNMOUNT_TIMEOUT_MS
    while (this.#isMounted) {
      try {
        await runTool('umount', [this.path])
        this.#isMounted = false
      } catch (error) {
        if (performance.now() > endsAtMs) throw error
        await sleep(UNMOUNT_POLL_MS)
      }
    }
  }

  /**
   * Leaves an unsynced file behind and cuts the power. `seed` chooses what the cache of a
   * fault-disk keeps by luck; nothing of it with `keptPercent` 0.
   */
  async cutPower(options: { readonly seed: number; readonly keptPercent: number }): Promise<void> {
    await this.writeControl()
    await this.cutAfterControl(options)
  }

  async writeControl(): Promise<void> {
    this.#cutCount += 1
    await writeFile(this.#controlPath, controlBytes(this.#cutCount))
  }

  async cutAfterControl(options: {
    readonly seed: number
    readonly keptPercent: number
  }): Promise<void> {
    if (this.#faults !== undefined) await this.#faults.cutPower(options)
    else await runTool('xfs_io', ['-x', '-c', 'shutdown', this.path])
  }

  /**
   * Power on, after everybody who used the file system is dead. Answers whether the unsynced file
   * is gone: a cut that it survived was none.
   */
  async recover(): Promise<{ readonly isControlGone: boolean }> {
    await this.unmount()
    await this.#faults?.restorePower()
    await this.mount()
    const found = await readFile(this.#controlPath).catch(() => Buffer.alloc(0))
    await rm(this.#controlPath, { force: true })
    return { isControlGone: !found.equals(controlBytes(this.#cutCount)) }
  }

  /** Where on the disk `sizeBytes` of a file from `offsetBytes` are. */
  async sectorsOf(
    path: string,
    range: { readonly offsetBytes: number; readonly sizeBytes: number },
  ): Promise<readonly SectorRange[]> {
    const lines = (await runTool('filefrag', ['-e', '-s', '-b512', path])).split('\n')
    const first = range.offsetBytes / SECTOR_BYTES
    const end = Math.ceil((range.offsetBytes + range.sizeBytes) / SECTOR_BYTES)
    return lines.flatMap((line) => {
      const numbers = /^\s*\d+:\s*(\d+)\.\.\s*(\d+):\s*(\d+)\.\.\s*\d+:/.exec(line)
      if (numbers === null) return []
      const [logical = 0, last = 0, physical = 0] = numbers.slice(1).map(Number)
      const from = Math.max(first, logical)
      const to = Math.min(end, last + 1)
      if (from >= to) return []
      return [{ firstSector: physical + from - logical, sectorCount: to - from }]
    })
  }

  /** Ends the faults, if there are any. */
  async heal(): Promise<void> {
    await this.#faults?.heal()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // A disk with faults lets nobody unmount in peace.
      await this.heal()
      await this.unmount()
    } finally {
      await this.#faults?.[Symbol.asyncDispose]()
    }
  }

  get #controlPath(): string {
    return join(this.path, `control-${this.#cutCount}`)
  }
}

function mountPointOf({ folder, mountPoint }: MountedDiskOptions): string {
  return mountPoint ?? join(folder, 'mounted')
}

/** Under its own name only when it is a file system. */
async function formatMedium(medium: string, options: MountedDiskOptions): Promise<void> {
  const { fileSystem, sizeBytes, formatArgs = [] } = options
  const unfinished = `${medium}.new`
  await writeFile(unfinished, '')
  await truncate(unfinished, sizeBytes)
  const [format = '', ...args] = FORMAT[fileSystem]
  await runTool(format, [...args, ...formatArgs, unfinished])
  await rename(unfinished, medium)
}

function controlBytes(cutCount: number): Buffer {
  return Buffer.alloc(CONTROL_BYTES, `control of cut ${cutCount}.`)
}
