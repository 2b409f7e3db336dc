/**
 * A disk that fails on command: the program of `native/fault-disk.c`, which says what it can do.
 * It ends with the process that started it.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildNative } from './build-native.ts'
import { runTool } from './run-tool.ts'

/** The compiler leaves C where it is: the same place from `src` and from `dist`. */
const SOURCE = resolve(import.meta.dirname, '../../src/power-cut/native/fault-disk.c')
const START_TIMEOUT_MS = 10_000
const START_POLL_MS = 5

type DiskProcess = ChildProcessByStdio<Writable, Readable, null>

export interface SectorRange {
  /** In units of 512 bytes from the start of the disk. */
  readonly firstSector: number
  readonly sectorCount: number
}

export class FaultDisk implements AsyncDisposable {
  /** The disk as a file. */
  readonly path: string
  readonly #process: DiskProcess
  readonly #exited: Promise<unknown>
  readonly #answers: ((line: string) => void)[] = []

  private constructor(path: string, child: DiskProcess) {
    this.path = path
    this.#process = child
    this.#exited = new Promise((resolve) => child.once('exit', resolve))
    createInterface({ input: child.stdout }).on('line', (line) => this.#answers.shift()?.(line))
  }

  /** `mediumPath` is a file of the disk's size and keeps what is durable. */
  static async start(mediumPath: string, mountPoint: string): Promise<FaultDisk> {
    const program = await buildFaultDisk()
    await mkdir(mountPoint, { recursive: true })
    const args = [mediumPath, mountPoint, '-f', '-s']
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const disk = new FaultDisk(join(mountPoint, 'disk'), child)
    const endsAtMs = performance.now() + START_TIMEOUT_MS
    while (!existsSync(disk.path)) {
      if (child.exitCode !== null || performance.now() > endsAtMs) {
        child.kill('SIGKILL')
        throw new Error('the FUSE disk did not start')
      }
      await sleep(START_POLL_MS)
    }
    return disk
  }

  /** Loses what no flush has made durable, but for `keptPercent` of its sectors. */
  async cutPower(options: { readonly seed: number; readonly keptPercent: number }): Promise<void> {
    await this.#command(`cut ${options.seed} ${options.keptPercent}`)
  }

  async restorePower(): Promise<void> {
    await this.#command('power')
  }

  /** The next flushes fail, and what they should have made durable is lost. */
  async failFlushes(count: number): Promise<void> {
    await this.#command(`fail-flushes ${count}`)
  }

  /** From now on flushes succeed and do nothing. */
  async lieAboutFlushes(): Promise<void> {
    await this.#command('lie')
  }

  async failReads(range: SectorRange): Promise<void> {
    await this.#command(`bad r ${range.firstSector} ${range.sectorCount}`)
  }

  async failWrites(range: SectorRange): Promise<void> {
    await this.#command(`bad w ${range.firstSector} ${range.sectorCount}`)
  }

  /** Requests wait until `heal`. Nobody should touch the disk whose end cannot be waited for. */
  async hang(): Promise<void> {
    await this.#command('hang')
  }

  async heal(): Promise<void> {
    await this.#command('heal')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin.end()
    await this.#exited
  }

  async #command(line: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<string>()
    this.#answers.push(resolve)
    this.#process.stdin.write(`${line}\n`)
    const ended = this.#exited.then(() => 'the disk has ended')
    const answer = await Promise.race([promise, ended])
    if (!answer.startsWith('ok')) throw new Error(`fault disk: ${line}: ${answer}`)
  }
}

/** Path of the program, built. Throws with what gcc or pkg-config says. */
async function buildFaultDisk(): Promise<string> {
  const flags = await runTool('pkg-config', ['--cflags', '--libs', 'fuse3'])
  return await buildNative(SOURCE, flags.trim().split(/\s+/))
}
