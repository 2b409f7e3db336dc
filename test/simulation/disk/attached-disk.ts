import { dirname } from 'node:path/posix'
import type { Disk, DiskLock, File, FileStat } from '@kura/core'
import { systemError, type MemoryFile } from '@kura/testkit'
import type { Kernel } from '../kernel/kernel.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

export interface Attachment {
  readonly disk: SimulatedDisk
  readonly scope: ProcessScope
  readonly kernel: Kernel
}

/**
 * A simulated disk as one process sees it. Every operation takes its effect at one moment, some
 * time after its call and some time before its answer; it ends with the process at any of these.
 */
export class AttachedDisk implements Disk {
  readonly #attachment: Attachment

  constructor(attachment: Attachment) {
    this.#attachment = attachment
  }

  async open(
    path: string,
    options: { readonly mode: 'read' | 'write'; readonly direct: boolean },
  ): Promise<File> {
    return await this.#perform('open', path, async (medium) =>
      this.#attach(path, await medium.open(path, options)),
    )
  }

  async create(
    path: string,
    options: { readonly allocateBytes: number; readonly direct: boolean },
  ): Promise<File> {
    return await this.#perform('create', path, async (medium) =>
      this.#attach(path, await medium.create(path, options)),
    )
  }

  async readFile(path: string): Promise<Buffer> {
    return await this.#look('readFile', path, (medium) => medium.readFile(path))
  }

  /** The steps of the real one, each an operation of its own. */
  async writeFileDurably(path: string, bytes: Uint8Array): Promise<void> {
    const unfinished = `${path}.new`
    if ((await this.stat(unfinished)) !== undefined) await this.unlink(unfinished)
    const file = await this.create(unfinished, { allocateBytes: 0, direct: false })
    await file.write([bytes], 0)
    await file.sync()
    await file.close()
    await this.#perform('rename', path, (medium) => {
      medium.rename(unfinished, path)
      return Promise.resolve()
    })
    await this.syncDirectory(dirname(path))
  }

  async list(directory: string): Promise<readonly string[]> {
    return await this.#look('list', directory, (medium) => medium.list(directory))
  }

  async stat(path: string): Promise<FileStat | undefined> {
    return await this.#look('stat', path, (medium) => medium.stat(path))
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#perform('makeDirectory', path, (medium) => medium.makeDirectory(path))
  }

  async link(existingPath: string, newPath: string): Promise<void> {
    await this.#perform('link', newPath, (medium) => medium.link(existingPath, newPath))
  }

  async unlink(path: string): Promise<void> {
    await this.#perform('unlink', path, (medium) => medium.unlink(path))
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#perform('syncDirectory', path, async (medium) => {
      if (!this.#attachment.disk.faults.takesEffect('lying-sync')) await medium.syncDirectory(path)
    })
  }

  async space(): Promise<{ readonly totalBytes: number; readonly freeBytes: number }> {
    return await this.#look('space', '', async (medium) => {
      const space = await medium.space()
      return this.#attachment.disk.faults.isLasting('enospc') ? { ...space, freeBytes: 0 } : space
    })
  }

  async isMountPoint(): Promise<boolean> {
    return await this.#look('isMountPoint', '', (medium) => medium.isMountPoint())
  }

  async lock(path: string): Promise<DiskLock> {
    const { disk, scope } = this.#attachment
    return await this.#perform('lock', path, async (medium) => {
      const lock = disk.lock(path, scope)
      // Makes the file; between processes the lock of the simulation counts.
      await (await medium.lock(path)).release()
      return lock
    })
  }

  #attach(path: string, file: MemoryFile): File {
    return new AttachedFile({ ...this.#attachment, path, file })
  }

  async #perform<Result>(
    kind: string,
    path: string,
    work: (medium: SimulatedDisk['medium']) => Promise<Result>,
  ): Promise<Result> {
    const { disk } = this.#attachment
    return await perform(this.#attachment, `${kind} ${path}`, () => work(disk.medium))
  }

  async #look<Result>(
    kind: string,
    path: string,
    work: (medium: SimulatedDisk['medium']) => Promise<Result>,
  ): Promise<Result> {
    const { disk } = this.#attachment
    return await look(this.#attachment, `${kind} ${path}`, () => work(disk.medium))
  }
}

class AttachedFile implements File {
  readonly #attachment: Attachment
  readonly #path: string
  readonly #file: MemoryFile

  constructor(options: Attachment & { readonly path: string; readonly file: MemoryFile }) {
    this.#attachment = options
    this.#path = options.path
    this.#file = options.file
  }

  async read(target: Uint8Array, offsetBytes: number): Promise<number> {
    return await this.#look('read', () => this.#file.read(target, offsetBytes))
  }

  async write(pieces: readonly Uint8Array[], offsetBytes: number): Promise<void> {
    await this.#perform('write', () => this.#write(pieces, offsetBytes))
  }

  async #write(pieces: readonly Uint8Array[], offsetBytes: number): Promise<void> {
    const { disk } = this.#attachment
    const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
    const isGrowing = offsetBytes + sizeBytes > (await this.#file.sizeBytes())
    if (isGrowing && disk.faults.takesEffect('enospc')) throw systemError('ENOSPC', this.#path)
    await this.#file.write(pieces, offsetBytes)
    const isMisdirected = disk.faults.take('misdirected-write')
    if (!isMisdirected && !disk.faults.take('phantom-write')) return
    this.#file.loseWritten(offsetBytes, sizeBytes)
    if (isMisdirected) disk.misdirect(Buffer.concat(pieces))
  }

  async sync(): Promise<void> {
    const { faults } = this.#attachment.disk
    await this.#perform('sync', async () => {
      if (!faults.takesEffect('lying-sync')) await this.#file.sync()
    })
  }

  async cut(sizeBytes: number): Promise<void> {
    await this.#perform('cut', () => this.#file.cut(sizeBytes))
  }

  async sizeBytes(): Promise<number> {
    return await this.#look('size', () => this.#file.sizeBytes())
  }

  async close(): Promise<void> {
    await this.#perform('close', () => this.#file.close())
  }

  async #perform<Result>(kind: string, work: () => Promise<Result>): Promise<Result> {
    return await perform(this.#attachment, `${kind} ${this.#path}`, work)
  }

  async #look<Result>(kind: string, work: () => Promise<Result>): Promise<Result> {
    return await look(this.#attachment, `${kind} ${this.#path}`, work)
  }
}

/** A step of a dead process is never taken: the kernel drops its events. */
async function perform<Result>(
  attachment: Attachment,
  detail: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const { disk, kernel } = attachment
  const { beforeMs, afterMs } = disk.drawLatency()
  await wait(attachment, beforeMs)
  kernel.trace(disk.name, detail)
  try {
    return await work()
  } finally {
    await wait(attachment, afterMs)
  }
}

/** What changes nothing may as well take its effect at the moment of its answer. */
async function look<Result>(
  attachment: Attachment,
  detail: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const { disk, kernel } = attachment
  const { beforeMs, afterMs } = disk.drawLatency()
  await wait(attachment, beforeMs + afterMs)
  kernel.trace(disk.name, detail)
  return await work()
}

async function wait({ kernel, scope }: Attachment, delayMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    kernel.schedule(scope, delayMs, resolve)
  })
}
