/**
 * A whole zone on a disk whose power can be cut: the launcher of `npm start` as a process, and its
 * services. Everything that any of them keeps is on that disk.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Endpoints } from '@kura/local'

const LAUNCHER = resolve(import.meta.dirname, '../../../deploy/local/dist/main.js')
const ARGUMENTS = ['--nodes', '3', '--bucket-size', '16MiB', '--port-base', '0', '--no-restart']
const START_TIMEOUT_MS = 120_000
const POLL_MS = 50

export class LaunchedZone {
  readonly dataDir: string
  #launcher: ChildProcess | undefined
  #endpoints: Endpoints | undefined

  constructor(dataDir: string) {
    this.dataDir = dataDir
  }

  get endpoints(): Endpoints {
    if (this.#endpoints === undefined) throw new Error('the zone has not been started')
    return this.#endpoints
  }

  /** Makes the zone where there is none; resolves when all of it is ready. */
  async start(): Promise<void> {
    const path = join(this.dataDir, 'endpoints.json')
    await rm(path, { force: true })
    const said: string[] = []
    const launcher = spawn(process.execPath, [LAUNCHER, '--data', this.dataDir, ...ARGUMENTS], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#launcher = launcher
    for (const stream of [launcher.stdout, launcher.stderr]) {
      stream.on('data', (piece: Buffer) => said.push(piece.toString('utf8')))
    }
    const endsAtMs = performance.now() + START_TIMEOUT_MS
    for (;;) {
      const text = await readFile(path, 'utf8').catch(() => '')
      if (text !== '') {
        this.#endpoints = JSON.parse(text) as Endpoints
        return
      }
      if (launcher.exitCode !== null || performance.now() > endsAtMs) {
        await this.signal('SIGKILL')
        throw new Error(`the zone did not start: ${said.join('').slice(-1_000)}`)
      }
      await sleep(POLL_MS)
    }
  }

  /** To the launcher and every service; waits for the end after SIGKILL. */
  async signal(signal: 'SIGSTOP' | 'SIGKILL'): Promise<void> {
    const launcher = this.#launcher
    if (launcher?.pid === undefined) return
    const pids = [launcher.pid, ...(await childrenOf(launcher.pid))]
    for (const pid of pids) if (await isAlive(pid)) process.kill(pid, signal)
    if (signal === 'SIGSTOP') return
    for (const pid of pids) while (await isAlive(pid)) await sleep(POLL_MS)
    this.#launcher = undefined
  }
}

async function childrenOf(parent: number): Promise<number[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const children: number[] = []
  for (const name of names) {
    const [, fields] = await readState(Number(name))
    if (Number(fields[1]) === parent) children.push(Number(name))
  }
  return children
}

/** A dead child whose parent does not look is no process any more. */
async function isAlive(pid: number): Promise<boolean> {
  const [isThere, [state]] = await readState(pid)
  return isThere && state !== 'Z'
}

/** Whether it is there; state, parent and more, as in proc(5). */
async function readState(pid: number): Promise<[boolean, readonly string[]]> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8')
    return [true, text.slice(text.lastIndexOf(')') + 2).split(' ')]
  } catch {
    return [false, []]
  }
}
