/**
 * The table's volumes and their extents: reads, and the state transitions of design
 * creating → open → closing → closed, each one transaction that refuses any other order.
 */
import {
  assert,
  KuraError,
  mark,
  REPLICA_COUNT,
  type BucketId,
  type DiskUuid,
  type ExtentId,
  type ExtentPlacement,
  type ExtentState,
  type OrderId,
  type Volume,
  type VolumeId,
  type VolumeState,
} from '@kura/core'
import type { TableTransactions } from './table-transactions.ts'
import { parseVolumeRow, type VolumeRow } from './volume-row-parser.ts'
import { prepareVolumeStatements, type DiskLossRow } from './volume-statements.ts'

export interface NewVolume {
  readonly volumeId: VolumeId
  readonly bucketId: BucketId
  readonly salt: string
  readonly capacityBytes: number
  readonly orderId: OrderId
  readonly extents: readonly { readonly extentId: ExtentId; readonly diskUuid: DiskUuid }[]
}

/** What closing commits: the digest every copy in force has, and what became of each extent. */
export interface ClosedVolume {
  readonly volumeId: VolumeId
  readonly digest: string
  readonly recordCount: number
  readonly extents: readonly ExtentPlacement[]
}

/** What a repair commits: the copies it built, and those they stand in for. */
export interface RepairedVolume {
  readonly volumeId: VolumeId
  readonly orderId: OrderId
  /** The table's own, or that of a superset. */
  readonly digest: string
  readonly recordCount: number
  readonly built: readonly { readonly extentId: ExtentId; readonly lengthBytes: number }[]
  readonly retired: readonly ExtentId[]
}

/** What the manager knows beyond the table of copies that do not count. */
export interface RepairEvidence {
  readonly lostDisks: readonly DiskUuid[]
  /** Extents in force that are damaged, missing, or unlike the digest. */
  readonly unsound: readonly ExtentId[]
  /** Volumes with a source that may hold more than the digest says. */
  readonly differing: readonly VolumeId[]
  /** Volumes that are not asked for now. */
  readonly except: readonly VolumeId[]
}

export class VolumeRows {
  readonly #transactions: TableTransactions
  readonly #statements: ReturnType<typeof prepareVolumeStatements>
  readonly #counts: Record<VolumeState, number>
  #alive: { readonly version: number; readonly volumes: readonly Volume[] } | undefined

  constructor(transactions: TableTransactions) {
    this.#transactions = transactions
    this.#statements = prepareVolumeStatements(transactions)
    const counts = { creating: 0, open: 0, closing: 0, closed: 0, retired: 0 }
    const counted = this.#statements.count.all().map(({ state, count }) => [state, count])
    this.#counts = { ...counts, ...Object.fromEntries(counted) }
  }

  get(volumeId: VolumeId): Volume | undefined {
    const row = this.#statements.byId.get(volumeId)
    return row === undefined ? undefined : this.#withExtents(row)
  }

  ofBucket(bucketId: BucketId): Volume | undefined {
    const row = this.#statements.byBucket.get(bucketId)
    return row === undefined ? undefined : this.#withExtents(row)
  }

  /** The volume an extent was ever placed for; undefined: the table does not know the extent. */
  ofExtent(extentId: ExtentId): Volume | undefined {
    const row = this.#statements.byExtent.get(extentId)
    return row === undefined ? undefined : this.#withExtents(row)
  }

  /** Whether the table ever placed this extent. */
  knowsExtent(extentId: ExtentId): boolean {
    return this.#statements.knowsExtent.get(extentId) !== undefined
  }

  /** Volumes that are not closed for good: few at any time, read once per version. */
  alive(): readonly Volume[] {
    const version = this.#transactions.version
    if (this.#alive?.version !== version) {
      const volumes = this.#statements.alive.all().map((row) => this.#withExtents(row))
      this.#alive = { version, volumes }
    }
    return this.#alive.volumes
  }

  changedSince(version: number, options: { readonly limit: number }): readonly Volume[] {
    const rows = this.#statements.changed.all(version, options.limit)
    return rows.map((row) => this.#withExtents(row))
  }

  /** Not retired, in the order of buckets, after one bucket: the pages of a snapshot. */
  page(options: { readonly after: number; readonly limit: number }): readonly Volume[] {
    const rows = this.#statements.page.all(options.after, options.limit)
    return rows.map((row) => this.#withExtents(row))
  }

  countByState(): Readonly<Record<VolumeState, number>> {
    return this.#counts
  }

  /** Closed volumes with fewer copies in force than they should have. */
  underReplicated(options: { readonly limit: number }): readonly Volume[] {
    const rows = this.#statements.underReplicated.all(options.limit)
    return rows.map((row) => this.#withExtents(row))
  }

  underReplicatedCount(): number {
    return this.#statements.underReplicatedCount.get()?.count ?? 0
  }

  /** Closed volumes that the table has whole, with a copy in force on one of these disks. */
  wholeOnDisks(
    diskUuids: readonly DiskUuid[],
    options: { readonly limit: number },
  ): { readonly count: number; readonly volumes: readonly Volume[] } {
    const list = JSON.stringify(diskUuids)
    const rows = this.#statements.wholeOnDisks.all(list, options.limit)
    return {
      count: this.#statements.wholeOnDisksCount.get(list)?.count ?? 0,
      volumes: rows.map((row) => this.#withExtents(row)),
    }
  }

  /** Closed volumes without an order that lack a copy; the fewest whole copies above 0 first. */
  needingRepair(evidence: RepairEvidence, options: { readonly limit: number }): readonly Volume[] {
    const rows = this.#statements.needingRepair.all({
      lost: JSON.stringify(evidence.lostDisks),
      unsound: JSON.stringify(evidence.unsound),
      differing: JSON.stringify(evidence.differing),
      except: JSON.stringify(evidence.except),
      limit: options.limit,
    })
    return rows.map((row) => this.#withExtents(row))
  }

  /** Closed volumes that an order has: this leader's, or one that died with an earlier leader. */
  ordered(): readonly Volume[] {
    return this.#statements.ordered.all().map((row) => this.#withExtents(row))
  }

  /** Volumes with an extent in one of these states on the disk. */
  onDisk(diskUuid: DiskUuid, state: ExtentState): readonly Volume[] {
    const rows = this.#statements.onDisk.all(diskUuid, state)
    return rows.map((row) => this.#withExtents(row))
  }

  /** What has a copy in force on the disk, and what it has left without it and the `gone` ones. */
  lossOfDisk(diskUuid: DiskUuid, gone: readonly DiskUuid[]): readonly DiskLossRow[] {
    return this.#statements.lossOfDisk.all({ diskUuid, gone: JSON.stringify(gone) })
  }

  /** Durable: the volume as `creating` and the intent of each extent. */
  insertCreating(volume: NewVolume): void {
    assert(volume.extents.length === REPLICA_COUNT, 'a volume is born with three extents')
    this.#transactions.write((version) => {
      const { volumeId, bucketId, salt, capacityBytes, orderId } = volume
      this.#statements.insert.run({ volumeId, bucketId, salt, capacityBytes, orderId, version })
      for (const extent of volume.extents) this.#insertIntent({ ...extent, volumeId, orderId })
    })
    this.#counts.creating += 1
    mark('table.volume.creating', { volumeId: volume.volumeId })
  }

  /** creating → open; the copies are in force. Durable. */
  markOpen(volumeId: VolumeId): void {
    this.#transition(volumeId, { from: 'creating', to: 'open' }, () => {
      this.#statements.setExtentStates.run('in-force', volumeId, 'building')
      this.#statements.setCopies.run(REPLICA_COUNT, volumeId)
    })
    mark('table.volume.open', { volumeId })
  }

  /** creating → retired: its birth failed, and what was created is garbage. Durable. */
  markFailed(volumeId: VolumeId): void {
    this.#transition(volumeId, { from: 'creating', to: 'retired' }, () => {
      this.#statements.setExtentStates.run('retired', volumeId, 'building')
    })
  }

  /** open → closing. Durable. */
  markClosing(volumeId: VolumeId, reason: string): void {
    this.#transition(volumeId, { from: 'open', to: 'closing' }, () => {
      this.#statements.setReason.run(reason, volumeId)
    })
    mark('table.volume.closing', { volumeId })
  }

  /** The intent of one more extent, to be built by a closing or an order. Durable. */
  addIntent(intent: {
    readonly volumeId: VolumeId
    readonly extentId: ExtentId
    readonly diskUuid: DiskUuid
    readonly orderId: OrderId
  }): void {
    this.#transactions.write((version) => {
      this.#requireWork(intent.volumeId, intent.orderId)
      this.#insertIntent(intent)
      this.#statements.touch.run(version, intent.volumeId)
    })
  }

  /** Durable: an intent that came to nothing. */
  retireIntent(volumeId: VolumeId, extentId: ExtentId): void {
    this.#transactions.write((version) => {
      this.#statements.setExtent.run('retired', 0, extentId, volumeId)
      this.#statements.touch.run(version, volumeId)
    })
  }

  /** closing → closed: the commit point. Durable: digest, count and the state of every extent. */
  markClosed(closed: ClosedVolume): void {
    const inForce = closed.extents.filter(({ state }) => state === 'in-force')
    assert(inForce.length >= 1, 'a volume is closed with at least one copy in force')
    assert(closed.digest.length === 64, 'a closed volume has a digest')
    this.#transition(closed.volumeId, { from: 'closing', to: 'closed' }, () => {
      const { volumeId, digest, recordCount } = closed
      this.#statements.setDigest.run(digest, recordCount, inForce.length, volumeId)
      for (const { state, lengthBytes, extentId } of closed.extents) {
        this.#statements.setExtent.run(state, lengthBytes, extentId, volumeId)
      }
    })
    mark('table.volume.closed', { volumeId: closed.volumeId })
  }

  /** A source that proved equal to the digest counts as a copy again. Durable. */
  putInForce(extent: {
    readonly volumeId: VolumeId
    readonly extentId: ExtentId
    readonly lengthBytes: number
  }): void {
    this.#transactions.write((version) => {
      this.#requireState(extent.volumeId, 'closed')
      // An order may be replacing this very copy: it is compared again afterwards.
      this.#requireOrder(extent.volumeId, undefined)
      const { volumeId, extentId, lengthBytes } = extent
      this.#requireExtent(volumeId, extentId, 'source')
      this.#statements.setExtent.run('in-force', lengthBytes, extentId, volumeId)
      this.#statements.countCopies.run(volumeId, volumeId)
      this.#statements.touch.run(version, volumeId)
    })
  }

  /** Takes a closed volume for one order. Throws `state-conflict` where it has one. Durable. */
  beginRepair(volumeId: VolumeId, orderId: OrderId): void {
    this.#transactions.write((version) => {
      this.#requireState(volumeId, 'closed')
      this.#requireOrder(volumeId, undefined)
      this.#statements.setOrder.run(orderId, volumeId)
      this.#statements.touch.run(version, volumeId)
    })
    mark('table.repair.begun', { volumeId })
  }

  /**
   * The commit point of a repair. Durable, in one transaction: the new copies in force, the
   * replaced ones retired, the digest, the next generation, and the end of the order.
   */
  commitRepair(repaired: RepairedVolume): void {
    const { volumeId, orderId, digest, recordCount, built, retired } = repaired
    assert(digest.length === 64, 'a closed volume has a digest')
    this.#transactions.write((version) => {
      this.#requireState(volumeId, 'closed')
      this.#requireOrder(volumeId, orderId)
      for (const { extentId, lengthBytes } of built) {
        this.#statements.setExtent.run('in-force', lengthBytes, extentId, volumeId)
      }
      for (const extentId of retired) {
        this.#statements.setExtentState.run('retired', extentId, volumeId)
      }
      this.#endOrder(volumeId, version)
      this.#statements.setDigest.run(digest, recordCount, 0, volumeId)
      this.#statements.countCopies.run(volumeId, volumeId)
      this.#statements.raiseGeneration.run(volumeId)
    })
    mark('table.repair.done', { volumeId })
  }

  /** Ends an order before its commit point; what it built is retired. Durable. */
  cancelRepair(volumeId: VolumeId, orderId: OrderId): void {
    this.#transactions.write((version) => {
      this.#requireOrder(volumeId, orderId)
      this.#endOrder(volumeId, version)
    })
  }

  /** Intents that did not become copies are retired with the order. */
  #endOrder(volumeId: VolumeId, version: number): void {
    this.#statements.setExtentStates.run('retired', volumeId, 'building')
    this.#statements.setOrder.run(0, volumeId)
    this.#statements.touch.run(version, volumeId)
  }

  /** A source whose records every copy in force has counts no more. Durable. */
  retireSource(volumeId: VolumeId, extentId: ExtentId): void {
    this.#transactions.write((version) => {
      this.#requireState(volumeId, 'closed')
      this.#requireOrder(volumeId, undefined)
      this.#requireExtent(volumeId, extentId, 'source')
      this.#statements.setExtentState.run('retired', extentId, volumeId)
      this.#statements.touch.run(version, volumeId)
    })
  }

  /** A copy that proved not to be what the table says is kept as a source. Durable. */
  takeOutOfForce(extent: { readonly volumeId: VolumeId; readonly extentId: ExtentId }): void {
    this.#transactions.write((version) => {
      this.#requireState(extent.volumeId, 'closed')
      this.#requireOrder(extent.volumeId, undefined)
      const { volumeId, extentId } = extent
      this.#requireExtent(volumeId, extentId, 'in-force')
      this.#statements.setExtent.run('source', 0, extentId, volumeId)
      this.#statements.countCopies.run(volumeId, volumeId)
      this.#statements.touch.run(version, volumeId)
    })
  }

  #transition(
    volumeId: VolumeId,
    states: { readonly from: VolumeState; readonly to: VolumeState },
    change: () => void,
  ): void {
    this.#transactions.write((version) => {
      this.#requireState(volumeId, states.from)
      this.#statements.setState.run(states.to, version, volumeId)
      change()
    })
    this.#counts[states.from] -= 1
    this.#counts[states.to] += 1
  }

  #requireState(volumeId: VolumeId, expected: VolumeState): void {
    const state = this.#statements.byId.get(volumeId)?.state
    if (state === expected) return
    throw new KuraError('state-conflict', 'the volume is not in the state this step needs', {
      details: { volumeId, expected, found: state ?? 'none' },
    })
  }

  #requireExtent(volumeId: VolumeId, extentId: ExtentId, expected: ExtentState): void {
    const extent = this.get(volumeId)?.extents.find((one) => one.extentId === extentId)
    if (extent?.state === expected) return
    throw new KuraError('state-conflict', 'the copy is not in the state this step needs', {
      details: { volumeId, extentId, expected, found: extent?.state ?? 'none' },
    })
  }

  /** A closing makes its own orders; a closed volume is worked on by the one that has it. */
  #requireWork(volumeId: VolumeId, orderId: OrderId): void {
    if (this.#statements.byId.get(volumeId)?.state === 'closing') return
    this.#requireState(volumeId, 'closed')
    this.#requireOrder(volumeId, orderId)
  }

  #requireOrder(volumeId: VolumeId, expected: OrderId | undefined): void {
    const found = this.#statements.byId.get(volumeId)?.order_id ?? 0
    if (found === (expected ?? 0)) return
    throw new KuraError('state-conflict', 'another order has the volume, or none', {
      details: { volumeId, expected: expected ?? 0, found },
    })
  }

  #insertIntent(intent: {
    readonly extentId: ExtentId
    readonly volumeId: VolumeId
    readonly diskUuid: DiskUuid
    readonly orderId: OrderId
  }): void {
    const { extentId, volumeId, diskUuid, orderId } = intent
    this.#statements.insertExtent.run(extentId, volumeId, diskUuid, orderId)
  }

  #withExtents(row: VolumeRow): Volume {
    return parseVolumeRow(row, this.#statements.extents.all(row.volume_id))
  }
}
