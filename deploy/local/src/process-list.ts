/**
 * `processes.json` of a local zone: which processes the launcher has started, for somebody who was
 * told that they may be killed (`kura prove --kill-local`). A process id alone may be another's
 * tomorrow; with the time of its start, in this boot of the machine, it is this process or none.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LocalService } from './local-service.ts'

const NAME = 'processes.json'
/** In proc(5), of the fields behind the program's name. */
const START_TIME_INDEX = 19

interface ProcessIdentity {
  readonly pid: number
  /** Of the machine's clock, since its boot. */
  readonly startedAtTicks: number
}

export class ProcessList {
  readonly #folder: string
  readonly #zoneMaster: string
  /** Where power cuts are asked for; undefined where there are none. */
  readonly #controlPath: string | undefined
  #services: readonly LocalService[] = []
  #isWanted = false
  #isClosed = false
  #writing: Promise<void> | undefined

  constructor(options: {
    readonly folder: string
    readonly zoneMaster: string
    readonly controlPath: string | undefined
  }) {
    this.#folder = options.folder
    this.#zoneMaster = options.zoneMaster
    this.#controlPath = options.controlPath
  }

  /** Before the first of them is started. */
  watch(services: readonly LocalService[]): void {
    this.#services = services
  }

  /** Some process is another now. */
  readonly update = (): void => {
    this.#isWanted = true
    this.#writing ??= this.#write()
  }

  /** From now on there is no list. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#writing
    await rm(join(this.#folder, NAME), { force: true })
  }

  async #write(): Promise<void> {
    try {
      while (this.#isWanted && !this.#isClosed) {
        this.#isWanted = false
        await this.#writeOnce()
      }
    } finally {
      this.#writing = undefined
    }
  }

  /** Readers see the old list or the new one. It need not survive a crash, which ends them all. */
  async #writeOnce(): Promise<void> {
    const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
    const launcher = await identify(process.pid)
    const services = await Promise.all(this.#services.map(describeService))
    const list = {
      bootId,
      launcher,
      zoneMaster: this.#zoneMaster,
      control: this.#controlPath,
      services: services.filter((service) => service !== undefined),
    }
    const path = join(this.#folder, NAME)
    await writeFile(`${path}.new`, `${JSON.stringify(list, null, 2)}\n`)
    await rename(`${path}.new`, path)
  }
}

async function describeService(service: LocalService) {
  const identity = await identify(service.pid)
  if (identity === undefined) return undefined
  const { name, kind, adminAddress } = service
  return { name, kind, adminAddress, ...identity }
}

/** Undefined where it is no more. */
async function identify(pid: number | undefined): Promise<ProcessIdentity | undefined> {
  if (pid === undefined) return undefined
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const startedAtTicks = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[START_TIME_INDEX])
  return Number.isInteger(startedAtTicks) ? { pid, startedAtTicks } : undefined
}
