/**
 * The production Disk: a directory on a local file system of Linux. Direct I/O where it is asked
 * for; space is allocated with the `fallocate` command, since Node has no call for it.
 */
import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import * as fs from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { assert, KuraError, type Disk, type DiskLock, type File, type FileStat } from '@kura/core'
import { flockSync } from 'fs-ext'
import { NodeFile } from './node-file.ts'

/** st_blocks counts in these. */
const STAT_BLOCK_BYTES = 512
/**
 * A leftover of this suffix is a small file whose writing was interrupted; the next write replaces
 * it.
 */
export const UNFINISHED_SUFFIX = '.new'

export class NodeDisk implements Disk {
  readonly rootPath: string

  private constructor(rootPath: string) {
    this.rootPath = rootPath
  }

  /** `rootPath` must be an existing directory. */
  static async open(rootPath: string): Promise<NodeDisk> {
    const stat = await fs.stat(rootPath)
    if (!stat.isDirectory()) {
      throw new KuraError('setting-invalid', `${rootPath} is no directory`)
    }
    return new NodeDisk(rootPath)
  }

  async open(
    path: string,
    options: { readonly mode: 'read' | 'write'; readonly direct: boolean },
  ): Promise<File> {
    const access = options.mode === 'write' ? constants.O_RDWR : constants.O_RDONLY
    const direct = options.direct ? constants.O_DIRECT : 0
    return new NodeFile(await fs.open(this.#resolve(path), access | direct))
  }

  async create(
    path: string,
    options: { readonly allocateBytes: number; readonly direct: boolean },
  ): Promise<File> {
    const absolute = this.#resolve(path)
    const direct = options.direct ? constants.O_DIRECT : 0
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | direct
    const handle = await fs.open(absolute, flags, 0o600)
    try {
      if (options.allocateBytes > 0) await this.#allocate(absolute, options.allocateBytes)
    } catch (error) {
      await handle.close()
      await fs.unlink(absolute)
      throw error
    }
    return new NodeFile(handle)
  }

  /**
   * Asked for more than there is, ext4 takes all that there is before it says so, and for that
   * moment every other writer on the disk meets ENOSPC: so it is not asked.
   */
  async #allocate(absolute: string, sizeBytes: number): Promise<void> {
    const { freeBytes } = await this.space()
    if (sizeBytes > freeBytes) {
      const message = `${sizeBytes} bytes wanted, ${freeBytes} are free`
      throw Object.assign(new Error(message), { code: 'ENOSPC' })
    }
    await allocate(absolute, sizeBytes)
  }

  async readFile(path: string): Promise<Buffer> {
    return await fs.readFile(this.#resolve(path))
  }

  async writeFileDurably(path: string, bytes: Uint8Array): Promise<void> {
    const absolute = this.#resolve(path)
    const handle = await fs.open(absolute + UNFINISHED_SUFFIX, 'w', 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await fs.rename(absolute + UNFINISHED_SUFFIX, absolute)
    await syncAbsolute(dirname(absolute))
  }

  async list(directory: string): Promise<readonly string[]> {
    return (await fs.readdir(this.#resolve(directory))).sort()
  }

  async stat(path: string): Promise<FileStat | undefined> {
    try {
      const stat = await fs.stat(this.#resolve(path))
      const kind = stat.isDirectory() ? 'directory' : 'file'
      return { kind, sizeBytes: stat.size, allocatedBytes: stat.blocks * STAT_BLOCK_BYTES }
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined
      throw error
    }
  }

  async makeDirectory(path: string): Promise<void> {
    let absolute = this.rootPath
    for (const name of path.split('/')) {
      const parent = absolute
      absolute = join(parent, name)
      await fs.mkdir(absolute, { mode: 0o700 }).catch((error: unknown) => {
        if (!hasCode(error, 'EEXIST')) throw error
      })
      await syncAbsolute(parent)
    }
  }

  async link(existingPath: string, newPath: string): Promise<void> {
    await fs.link(this.#resolve(existingPath), this.#resolve(newPath))
  }

  async unlink(path: string): Promise<void> {
    await fs.unlink(this.#resolve(path))
  }

  async syncDirectory(path: string): Promise<void> {
    await syncAbsolute(this.#resolve(path))
  }

  /** As `df` counts: what is reserved for root belongs to nobody. */
  async space(): Promise<{ readonly totalBytes: number; readonly freeBytes: number }> {
    const { blocks, bfree, bavail, bsize } = await fs.statfs(this.rootPath)
    return { totalBytes: (blocks - bfree + bavail) * bsize, freeBytes: bavail * bsize }
  }

  async isMountPoint(): Promise<boolean> {
    const root = await fs.stat(this.rootPath)
    // Written out: the kernel steps over the mount, where path arithmetic would follow names.
    const parent = await fs.stat(`${this.rootPath}/..`)
    // Only the topmost directory of all is its own parent.
    return root.dev !== parent.dev || root.ino === parent.ino
  }

  async lock(path: string): Promise<DiskLock> {
    const handle = await fs.open(this.#resolve(path), 'a', 0o600)
    try {
      flockSync(handle.fd, 'exnb')
    } catch (error) {
      await handle.close()
      if (!hasCode(error, 'EAGAIN') && !hasCode(error, 'EWOULDBLOCK')) throw error
      throw new KuraError('locked', `another process serves the disk ${this.rootPath}`, {
        cause: error,
        hint: 'One process per disk: stop the other one first.',
      })
    }
    return { release: () => handle.close() }
  }

  #resolve(path: string): string {
    assert(!path.startsWith('/') && !path.split('/').includes('..'), 'paths lie below the root')
    return join(this.rootPath, path)
  }
}

async function syncAbsolute(path: string): Promise<void> {
  const handle = await fs.open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** From util-linux; Node has no call for it. */
const ALLOCATE_COMMAND = 'fallocate'
/** The command's messages, in the C locale, and the codes that they stand for. */
const ALLOCATE_FAILURES: readonly (readonly [RegExp, string])[] = [
  [/no space left/i, 'ENOSPC'],
  [/quota exceeded/i, 'EDQUOT'],
  [/file too large/i, 'EFBIG'],
  [/not supported/i, 'EOPNOTSUPP'],
  [/read-only/i, 'EROFS'],
]

async function allocate(absolute: string, sizeBytes: number): Promise<void> {
  const environment = { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
  await new Promise<void>((resolve, reject) => {
    execFile(
      ALLOCATE_COMMAND,
      ['--length', String(sizeBytes), absolute],
      { env: environment },
      (error, _stdout, stderr) => {
        if (error === null) {
          resolve()
          return
        }
        if (hasCode(error, 'ENOENT')) {
          const hint = 'Install util-linux, which brings the fallocate command.'
          reject(new KuraError('disk-error', 'the fallocate command is missing', { hint }))
          return
        }
        const code = ALLOCATE_FAILURES.find(([pattern]) => pattern.test(stderr))?.[1] ?? 'EIO'
        reject(Object.assign(new Error(`fallocate: ${stderr.trim()}`), { code }))
      },
    )
  })
}
