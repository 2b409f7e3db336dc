/** A group of processes with a limit on their memory, by the kernel's cgroups, version 1 or 2. */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { ownedPrefix } from './scratch-folder.ts'

const ROOT = '/sys/fs/cgroup'

interface Version {
  readonly folder: string
  readonly limit: string
  readonly events: string
}

const VERSION_1: Version = {
  folder: join(ROOT, 'memory'),
  limit: 'memory.limit_in_bytes',
  events: 'memory.oom_control',
}
const VERSION_2: Version = { folder: ROOT, limit: 'memory.max', events: 'memory.events' }

/** Where groups are made. */
export const GROUP_FOLDERS: readonly string[] = [VERSION_1.folder, VERSION_2.folder]

export class MemoryGroup {
  readonly #folder: string
  readonly #version: Version

  private constructor(folder: string, version: Version) {
    this.#folder = folder
    this.#version = version
  }

  /** Throws the system's error where there are no cgroups or no right to them. */
  static async make(limitBytes: number): Promise<MemoryGroup> {
    const version = existsSync(join(VERSION_1.folder, VERSION_1.limit)) ? VERSION_1 : VERSION_2
    const group = new MemoryGroup(join(version.folder, ownedPrefix() + randomUUID()), version)
    await mkdir(group.#folder)
    try {
      await writeFile(join(group.#folder, version.limit), String(limitBytes))
      return group
    } catch (error) {
      await rmdir(group.#folder)
      throw error
    }
  }

  async add(pid: number): Promise<void> {
    await writeFile(join(this.#folder, 'cgroup.procs'), String(pid))
  }

  /** Processes that the kernel killed for want of memory. */
  async oomKillCount(): Promise<number> {
    const events = await readFile(join(this.#folder, this.#version.events), 'utf8')
    const count = /^oom_kill (\d+)$/m.exec(events)?.[1]
    if (count === undefined) throw new Error(`no count of kills in ${this.#version.events}`)
    return Number(count)
  }

  /** After all of its processes have ended. */
  async remove(): Promise<void> {
    await rmdir(this.#folder)
  }
}
