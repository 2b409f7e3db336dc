/** Kura as the launcher starts it, with default settings, loaded through the client library. */
import { join } from 'node:path'
import { LocalZone } from '@kura/local'
import type { WatchedProcess } from '../load/process-watch.ts'
import { WorkerProcess } from '../load/worker-process.ts'
import type { KuraFindings, KuraOrders } from './kura-load.ts'
import { measureDriver, type Driver, type MeasuredRun, type RunLength } from './measure-driver.ts'
import { READ_BACK, StoredByRow, type Peer, type PlannedRun, type RunningPeer } from './peer.ts'
import type { PeerRow } from './peer-rows.ts'

const WORKER = join(import.meta.dirname, 'kura-worker.js')

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
  readonly #hashes = new StoredByRow<readonly string[]>([])

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
    const hashes = row.operation === 'get' ? this.#hashes.of(row) : []
    const { stored, ...measured } = await runKuraRow(this.#zone, row, { ...length, hashes })
    if (row.operation === 'put') this.#hashes.keep(row, stored, stored.length)
    return measured
  }

  async readBack(row: PeerRow): Promise<void> {
    const hashes = this.#hashes.of(row)
    await runKuraRow(this.#zone, { ...row, ...READ_BACK.row }, { ...READ_BACK.length, hashes })
  }

  crossCheck(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#zone.stop()
  }
}

async function runKuraRow(
  zone: LocalZone,
  row: PeerRow,
  options: RunLength & { readonly hashes: readonly string[] },
): Promise<MeasuredRun & { readonly stored: readonly string[] }> {
  const { operation, sizeBytes, clients } = row
  const { pocket, block } = zone.endpoints
  const endpoints = { pocket, block }
  const driver = new KuraDriver({ operation, sizeBytes, clients, endpoints, ...options })
  return await measureDriver(driver, processesOf(zone))
}

class KuraDriver implements Driver<readonly string[]> {
  readonly #orders: KuraOrders
  readonly #worker = new WorkerProcess<KuraOrders, KuraFindings>(WORKER)
  #findings: KuraFindings | undefined

  constructor(orders: KuraOrders) {
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

  report(): Promise<KuraFindings> {
    if (this.#findings === undefined) throw new Error('nothing was measured')
    return Promise.resolve(this.#findings)
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
