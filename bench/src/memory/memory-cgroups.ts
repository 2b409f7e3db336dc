/**
 * A memory cgroup for each measured process: a promise about memory is only shown where the kernel
 * would have ended who breaks it. Version 1 or 2, where either is mounted or can be mounted; all of
 * it is removed afterwards.
 *
 * A group also pays for page cache, which the kernel takes back before it ends anybody, and for
 * what the kernel holds on behalf of the process, such as sockets. So it has room beside the limit
 * of resident memory: too little for a process that grows without end.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KuraError } from '@kura/core'

interface Hierarchy {
  readonly version: 1 | 2
  /** The folder below which groups are made. */
  readonly root: string
  /** Mounted here, and to be unmounted. */
  readonly ownMount?: string
}

const FILES = {
  1: { limit: 'memory.limit_in_bytes', events: 'memory.oom_control' },
  2: { limit: 'memory.max', events: 'memory.events' },
} as const

export class MemoryCgroups implements Disposable {
  readonly #hierarchy: Hierarchy
  readonly #base: string
  readonly #groups = new Map<string, string>()

  private constructor(hierarchy: Hierarchy, base: string) {
    this.#hierarchy = hierarchy
    this.#base = base
  }

  /** `mountFolder` is made where nothing is mounted yet. Throws `unavailable`. */
  static open(mountFolder: string): MemoryCgroups {
    const hierarchy = findMounted() ?? mountOwn(mountFolder)
    const base = join(hierarchy.root, `kura-bench-${process.pid}`)
    try {
      mkdirSync(base, { recursive: true })
      if (hierarchy.version === 2) {
        writeFileSync(join(hierarchy.root, 'cgroup.subtree_control'), '+memory')
        writeFileSync(join(base, 'cgroup.subtree_control'), '+memory')
      }
    } catch (cause) {
      throw unavailable('the memory cgroup cannot be used', cause)
    }
    return new MemoryCgroups(hierarchy, base)
  }

  get version(): 1 | 2 {
    return this.#hierarchy.version
  }

  /** Puts a process that has just started into a group of its own. */
  add(name: string, process_: { readonly pid: number; readonly limitBytes: number }): void {
    const folder = join(this.#base, name)
    mkdirSync(folder)
    this.#groups.set(name, folder)
    writeFileSync(join(folder, FILES[this.version].limit), String(process_.limitBytes))
    writeFileSync(join(folder, 'cgroup.procs'), String(process_.pid))
  }

  /** How often the kernel has ended a process of any group for its memory. */
  oomKillCount(): number {
    let count = 0
    for (const folder of this.#groups.values()) {
      const events = readFileSync(join(folder, FILES[this.version].events), 'latin1')
      const kills = /^oom_kill (\d+)$/m.exec(events)?.[1]
      if (kills === undefined) throw new KuraError('unavailable', 'this kernel counts no oom_kill')
      count += Number(kills)
    }
    return count
  }

  /** REQUIRES: the processes have ended. */
  [Symbol.dispose](): void {
    for (const folder of [...this.#groups.values(), this.#base]) rmdirSync(folder)
    const { ownMount } = this.#hierarchy
    if (ownMount === undefined) return
    spawnSync('umount', [ownMount])
    rmdirSync(ownMount)
  }
}

function findMounted(): Hierarchy | undefined {
  for (const line of readFileSync('/proc/mounts', 'latin1').split('\n')) {
    const [, folder = '', type, options = ''] = line.split(' ')
    if (type === 'cgroup' && options.split(',').includes('memory')) {
      return { version: 1, root: join(folder, ownGroup()) }
    }
    const controllers = join(folder, 'cgroup.controllers')
    if (type !== 'cgroup2' || !existsSync(controllers)) continue
    const names = readFileSync(controllers, 'latin1').trim().split(' ')
    // Below a group with processes version 2 allows none: only the root may have both.
    if (names.includes('memory')) return { version: 2, root: folder }
  }
  return undefined
}

/** What limits this process limits what it starts. */
function ownGroup(): string {
  const groups = readFileSync('/proc/self/cgroup', 'latin1')
  return /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(groups)?.[1] ?? '/'
}

function mountOwn(folder: string): Hierarchy {
  mkdirSync(folder, { recursive: true })
  const mount = spawnSync('mount', ['-t', 'cgroup', '-o', 'memory', 'kura-bench', folder])
  if (mount.status === 0) return { version: 1, root: folder, ownMount: folder }
  rmdirSync(folder)
  throw unavailable('no memory cgroup is mounted or can be mounted', mount.error)
}

function unavailable(message: string, cause: unknown): KuraError {
  return new KuraError('unavailable', message, {
    cause,
    hint: 'run as root where cgroups are mounted, or take what --no-cgroup can show',
  })
}
