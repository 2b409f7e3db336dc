/**
 * A throw-away Ceph cluster on this machine: one monitor, three OSDs with BlueStore on files, one
 * pool. Its processes end with this one, however that ends; its data is its folder.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { KuraError } from '@kura/core'
import { chooseFreePorts } from '@kura/local'
import type { WatchedProcess } from '../load/process-watch.ts'
import { PYTHON, pythonProgram, runProgram } from './ceph-programs.ts'
import {
  formatCephSettings,
  GROUP_COUNT,
  monitorAddress,
  OSD_COUNT,
  POOL,
} from './ceph-settings.ts'

interface Daemon {
  readonly name: string
  readonly kind: string
  readonly child: ChildProcess
}

export class CephCluster implements AsyncDisposable {
  /** The path of its ceph.conf. */
  readonly settingsPath: string
  readonly #folder: string
  readonly #socketFolder: string
  readonly #daemons: Daemon[] = []

  private constructor(folder: string, socketFolder: string) {
    this.#folder = folder
    this.#socketFolder = socketFolder
    this.settingsPath = join(folder, 'ceph.conf')
  }

  /**
   * Resolves when every group of the pool has its three copies. `folder` is new. Throws
   * `unavailable`; then nothing runs.
   */
  static async start(
    folder: string,
    options: { readonly blockSizeBytes: number },
  ): Promise<CephCluster> {
    const socketFolder = await mkdtemp(join(tmpdir(), 'ceph-'))
    const cluster = new CephCluster(folder, socketFolder)
    try {
      await cluster.#start(options.blockSizeBytes)
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Throws `unavailable` where one of them has died. */
  get processes(): readonly WatchedProcess[] {
    return this.#daemons.map(({ name, kind, child }) => {
      const isDead = child.exitCode !== null || child.signalCode !== null
      if (child.pid === undefined || isDead) {
        const hint = `its log is in ${this.#folder}`
        throw new KuraError('unavailable', `${name} is not running`, { hint })
      }
      return { name, group: kind, pid: child.pid }
    })
  }

  /** At once: its data is not needed any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#daemons.map(async ({ child }) => {
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
        const ended = once(child, 'exit')
        child.kill('SIGKILL')
        await ended
      }),
    )
    await rm(this.#socketFolder, { recursive: true, force: true })
  }

  async #start(blockSizeBytes: number): Promise<void> {
    const osds = Array.from({ length: OSD_COUNT }, (_, id) => ({ id, uuid: randomUUID() }))
    for (const name of ['mon', 'crash', ...osds.map(({ id }) => `osd-${id}`)]) {
      await mkdir(join(this.#folder, name), { recursive: true })
    }
    await this.#startMonitor(blockSizeBytes)
    await this.#order({ newOsds: osds.map(({ uuid }) => uuid) })
    await Promise.all(
      osds.map(({ id, uuid }) =>
        runProgram('ceph-osd', [...this.#argsOf(`${id}`), '--mkfs', '--osd-uuid', uuid]),
      ),
    )
    for (const { id } of osds) this.#spawn('ceph-osd', `${id}`)
    await this.#order({ pool: POOL, osdCount: OSD_COUNT, groupCount: GROUP_COUNT })
    // Throws where one has died.
    void this.processes
  }

  async #startMonitor(blockSizeBytes: number): Promise<void> {
    const [monitorPort = 0] = await chooseFreePorts(1)
    const fsid = randomUUID()
    const folder = this.#folder
    const machineMemoryBytes = totalmem()
    const socketFolder = this.#socketFolder
    const settings = { folder, socketFolder, fsid, monitorPort, blockSizeBytes, machineMemoryBytes }
    await writeFile(this.settingsPath, formatCephSettings(settings))
    const map = join(folder, 'monmap')
    const address = monitorAddress(monitorPort)
    await runProgram('monmaptool', ['--create', '--addv', 'a', address, '--fsid', fsid, map])
    await runProgram('ceph-mon', [...this.#argsOf('a'), '--mkfs', '--monmap', map])
    this.#spawn('ceph-mon', 'a')
  }

  #spawn(kind: string, id: string): void {
    const args = ['--pdeathsig', 'KILL', '--', kind, ...this.#argsOf(id), '--foreground']
    // Ctrl-C on the terminal reaches the bench alone.
    const child = spawn('setpriv', args, { stdio: 'ignore', detached: true })
    child.on('error', () => undefined)
    this.#daemons.push({ name: `${kind}-${id}`, kind, child })
  }

  #argsOf(id: string): readonly string[] {
    const args = ['--conf', this.settingsPath, '--id', id]
    return process.getuid?.() === 0 ? [...args, '--setuser', 'root', '--setgroup', 'root'] : args
  }

  async #order(orders: object): Promise<void> {
    const input = `${JSON.stringify({ ...orders, conf: this.settingsPath })}\n`
    await runProgram(PYTHON, [pythonProgram('rados-admin.py')], { input })
  }
}
