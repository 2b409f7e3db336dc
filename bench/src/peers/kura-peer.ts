/** Kura as the launcher starts it, with default settings, loaded by the driver of part `load`. */
import { LocalZone } from '@kura/local'
import type { Findings as LoadFindings, WorkerOrders } from '../load/load.ts'
import { LOAD_WORKER } from '../load/load-session.ts'
import type { WatchedProcess } from '../load/process-watch.ts'
import { WorkerProcess } from '../load/worker-process.ts'
import {
  measureDriver,
  type Driver,
  type Findings,
  type MeasuredRun,
  type RunLength,
} from './measure-driver.ts'
import { StoredByRow, type Peer, type PlannedRun, type RunningPeer } from './peer.ts'
import type { PeerRow } from './peer-rows.ts'

const HASH_BYTES = 32

export function kuraPeer(options: { readonly tell: (line: string) => void }): Peer {
  return {
    name: 'kura',
    planRuns: (row) => [{ row, system: 'kura' }],
    async start(dataDir) {
      const zone = await LocalZone.start({ dataDir, portBase: 0, restarts: false, ...options })
      return new RunningKura(zone)
    },
  }
}

class RunningKura implements RunningPeer {
  readonly #zone: LocalZone
  readonly #hashes = new StoredByRow<Uint8Array>(new Uint8Array())

  constructor(zone: LocalZone) {
    this.#zone = zone
  }

  get storedBytes(): number {
    return this.#hashes.sumBytes
  }

  setBytesOf(row: PeerRow): number {
    return this.#hashes.bytesOf(row)
  }

  async measure({ row }: PlannedRun, length: RunLength): Promise<MeasuredRun> {
    const { operation, sizeBytes, clients } = row
    const { warmUpSeconds, seconds, mostOperations } = length
    // Ceph's driver gets each block once as it warms up.
    if (operation === 'get') await this.readBack(row)
    const times = { clients, warmUpSeconds, seconds, putBytesMax: mostOperations * sizeBytes }
    const { stored, ...measured } = await this.#run({
      kind: 'load',
      load: { door: 'client', pattern: operation, sizeBytes, ...times },
      endpoints: this.#endpoints(),
      stored: operation === 'get' ? this.#hashes.of(row) : new Uint8Array(),
    })
    if (operation === 'put') this.#hashes.keep(row, stored, stored.length / HASH_BYTES)
    return measured
  }

  async readBack(row: PeerRow): Promise<void> {
    const { sizeBytes } = row
    const stored = this.#hashes.of(row)
    const worker = startWorker()
    try {
      const endpoints = this.#endpoints()
      await worker.prepare({ kind: 'read-back', door: 'client', sizeBytes, endpoints, stored })
      await worker.measure()
    } finally {
      await worker.close()
    }
  }

  crossCheck(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#zone.stop()
  }

  async #run(orders: WorkerOrders): Promise<MeasuredRun & { readonly stored: Uint8Array }> {
    return await measureDriver(new KuraDriver(orders), processesOf(this.#zone))
  }

  #endpoints(): WorkerOrders['endpoints'] {
    const { pocket, block } = this.#zone.endpoints
    return { pocket, block }
  }
}

function startWorker(): WorkerProcess<WorkerOrders, LoadFindings> {
  return new WorkerProcess(LOAD_WORKER)
}

class KuraDriver implements Driver<Uint8Array> {
  readonly #orders: WorkerOrders
  readonly #worker = startWorker()
  #findings: LoadFindings | undefined

  constructor(orders: WorkerOrders) {
    this.#orders = orders
  }

  get process(): WatchedProcess {
    return { name: 'client', group: 'client', pid: this.#worker.pid }
  }

  async prepare(): Promise<void> {
    await this.#worker.prepare(this.#orders)
  }

  async measure(): Promise<void> {
    this.#findings = await this.#worker.measure()
  }

  report(): Promise<Findings<Uint8Array>> {
    const latency = this.#findings?.latency
    if (this.#findings === undefined || latency === undefined) throw new Error('nothing was timed')
    const { seconds, operations, retries, acknowledged } = this.#findings
    return Promise.resolve({ seconds, operations, latency, retries, stored: acknowledged })
  }

  async close(): Promise<void> {
    await this.#worker.close()
  }
}

function processesOf(zone: LocalZone): readonly WatchedProcess[] {
  return zone.services.map(({ name, kind, pid }) => {
    if (pid === undefined) throw new Error(`${name} is not running`)
    return { name, group: kind, pid }
  })
}
