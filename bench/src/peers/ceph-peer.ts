/** Ceph RADOS on this machine, loaded by our driver on python3-rados. */
import { CephCluster } from './ceph-cluster.ts'
import { POOL } from './ceph-settings.ts'
import { measureDriver, type MeasuredRun, type RunLength } from './measure-driver.ts'
import { StoredByRow, type Peer, type PlannedRun, type RunningPeer } from './peer.ts'
import { HASHED_ROW, type PeerRow } from './peer-rows.ts'
import { runRadosBench, type RadosBench } from './rados-bench.ts'
import { RadosDriver, type RadosOrders } from './rados-driver.ts'

/** What to change in a put's row and its length to read back what it has put. */
const READ_BACK = {
  row: { operation: 'get', clients: 16 },
  length: { warmUpSeconds: 0, seconds: 0, mostOperations: Number.MAX_SAFE_INTEGER },
} as const

export function cephPeer(options: {
  readonly blockSizeBytes: number
  /** Whether gets are measured with the client hashing, too. */
  readonly isHashing: boolean
}): Peer {
  return {
    name: 'ceph',
    planRuns: (row) =>
      options.isHashing && row === HASHED_ROW
        ? [
            { row, system: 'ceph' },
            { row, system: 'ceph, client hashes' },
          ]
        : [{ row, system: 'ceph' }],
    start: async (folder) => new RunningCeph(await CephCluster.start(folder, options)),
  }
}

class RunningCeph implements RunningPeer {
  readonly #cluster: CephCluster
  readonly #objects = new StoredByRow<Objects>({ prefix: '', counts: [] })

  constructor(cluster: CephCluster) {
    this.#cluster = cluster
  }

  get storedBytes(): number {
    return this.#objects.sumBytes
  }

  setBytesOf(row: PeerRow): number {
    return this.#objects.bytesOf(row)
  }

  async measure({ row, system }: PlannedRun, length: RunLength): Promise<MeasuredRun> {
    const hash = system === 'ceph, client hashes'
    if (row.operation === 'get') {
      const { stored: _none, ...measured } = await this.#run(row, {
        ...length,
        ...this.#objects.of(row),
        hash,
      })
      return measured
    }
    const objects = { prefix: `b${row.sizeBytes}x${row.clients}`, counts: [] }
    const { stored, ...measured } = await this.#run(row, { ...length, ...objects, hash })
    const count = stored.reduce((sum, each) => sum + each, 0)
    this.#objects.keep(row, { ...objects, counts: stored }, count)
    return measured
  }

  async readBack(row: PeerRow): Promise<void> {
    const options = { ...READ_BACK.length, ...this.#objects.of(row), hash: false }
    await this.#run({ ...row, ...READ_BACK.row }, options)
  }

  async crossCheck(row: PeerRow, length: Omit<RunLength, 'warmUpSeconds'>): Promise<RadosBench> {
    return await runRadosBench(row, { ...length, conf: this.#cluster.settingsPath })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]()
  }

  async #run(
    { operation, sizeBytes, clients }: PeerRow,
    options: RunLength & Objects & { readonly hash: boolean },
  ): Promise<MeasuredRun & { readonly stored: readonly number[] }> {
    const conf = this.#cluster.settingsPath
    const driver = new RadosDriver({ conf, pool: POOL, operation, sizeBytes, clients, ...options })
    return await measureDriver(driver, this.#cluster.processes)
  }
}

/** What a put has stored: objects are named after the prefix, their client, and their number. */
type Objects = Pick<RadosOrders, 'prefix' | 'counts'>
