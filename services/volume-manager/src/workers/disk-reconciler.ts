/**
 * A disk appeared: announce the epoch, list its extents, and compare them with the table.
 *
 * - A source that proves equal to the digest of its closed volume is sealed and put in force, or
 *   retired where enough others are. An unequal one stays a source until repair has merged it.
 * - What is in force but missing or unlike the table is evidence for a repair.
 * - What is left unsealed of an extent out of force is sealed with the records it has, which gives
 *   back the space that was allocated for more and lets the scrubber check it.
 * - A copy in force that the disk does not have, or has with other records, is out of force while
 *   another copy is left: it is the disk of an older time, a partial copy, or damaged. It is a
 *   source from then on, so that it is missed where copies are counted, and readmitted when equal.
 * - An extent that the table does not know is alarmed and left alone: deleting is never the answer
 *   to not knowing.
 */
import {
  isKuraError,
  isDiskTrusted,
  parseDiskUuid,
  REPLICA_COUNT,
  splitId,
  type DiskUuid,
  type ExtentId,
} from '@kura/core'
import type { ExtentPlacement, Volume, VolumeId } from '@kura/core'
import { Worker } from '@kura/runtime'
import type { Cell } from '../cell.ts'
import type { ExtentReport } from '../extent-report.ts'

const BORN_IN_NEWER =
  'It was born in a newer table: no volume is made until this one is rebuilt (kura rebuild).'
/** Why a disk cannot seal one extent, while it can be asked about the others. */
const CANNOT_SEAL = ['disk-error', 'disk-full', 'extent-damaged', 'extent-full'] as const
/** Disks that could not be compared are tried again at this pace. */
const INTERVAL_MS = 1_000

export class DiskReconciler {
  readonly #cell: Cell
  readonly #worker: Worker
  readonly #waiting = new Set<DiskUuid>()

  constructor(cell: Cell) {
    this.#cell = cell
    this.#worker = new Worker({
      name: 'disk-reconciler',
      intervalMs: INTERVAL_MS,
      clock: cell.clock,
      logger: cell.logger,
      step: () => this.#step(),
    })
  }

  start(): void {
    this.#worker.start()
  }

  async stop(): Promise<void> {
    await this.#worker.stop()
  }

  reconcile(disk: string): void {
    this.#waiting.add(parseDiskUuid(disk))
    this.#worker.wake()
  }

  async #step(): Promise<void> {
    const { signal } = this.#cell
    for (const diskUuid of [...this.#waiting]) {
      if (signal.aborted) return
      this.#waiting.delete(diskUuid)
      if (!this.#cell.view.isReachable(diskUuid) || this.#isBarred(diskUuid)) continue
      try {
        await this.#reconcile(diskUuid)
      } catch (error) {
        if (signal.aborted) return
        this.#waiting.add(diskUuid)
        if (!isKuraError(error)) throw error
        this.#cell.logger.warn({ diskUuid, code: error.code, err: error }, 'disk not compared')
        if (isKuraError(error, 'stale-epoch')) throw error
      }
    }
  }

  /** A suspect disk obeys no order; it appears again when it has been verified. */
  #isBarred(diskUuid: DiskUuid): boolean {
    return this.#cell.view.heartbeat(diskUuid)?.suspect === true
  }

  async #reconcile(diskUuid: DiskUuid): Promise<void> {
    const { nodes, signal, wake, logger, evidence } = this.#cell
    await nodes.announceEpoch(diskUuid, { signal })
    // Before the list, so that nothing is missed that was only put in force meanwhile.
    const expected = this.#closedInForce(diskUuid)
    const reports = await nodes.listExtents(diskUuid, { signal })
    // The table is read again after the list, so that an extent born meanwhile is known.
    const held = new Map(reports.map((report) => [report.extentId, report]))
    for (const report of reports) this.#checkKnown(diskUuid, report)
    const found = { unsound: [] as ExtentId[], differing: [] as VolumeId[] }
    for (const volume of this.#cell.table.volumes.onDisk(diskUuid, 'in-force')) {
      found.unsound.push(...this.#checkInForce(diskUuid, volume, { held, expected }))
    }
    for (const volume of this.#cell.table.volumes.onDisk(diskUuid, 'source')) {
      const sources = await this.#readmitSources(diskUuid, volume, held)
      found.unsound.push(...sources.missing)
      if (sources.differ) found.differing.push(volume.volumeId)
    }
    evidence.noteCompared(diskUuid, found)
    for (const report of reports) await this.#sealLeftover(diskUuid, report)
    logger.info({ diskUuid, extentCount: reports.length }, 'disk compared with the table')
    wake.closer()
    wake.keeper()
    wake.repairer()
  }

  /** Durable: the seal, under the digest of what the extent holds, whatever its volume has. */
  async #sealLeftover(diskUuid: DiskUuid, listed: ExtentReport): Promise<void> {
    const { nodes, signal, table, logger } = this.#cell
    const { extentId } = listed
    if (listed.state === 'sealed') return
    const volume = table.volumes.ofExtent(extentId)
    const placement = volume?.extents.find((extent) => extent.extentId === extentId)
    if (volume === undefined || !isLeftover(volume, placement)) return
    const place = { diskUuid, volumeId: volume.volumeId, extentId }
    try {
      const { digest } = await nodes.freezeExtent(place, { signal })
      await nodes.sealExtent(place, digest, { signal })
      logger.info({ ...place, recordCount: listed.recordCount }, 'leftover sealed')
    } catch (error) {
      // It is out of force: nothing waits for it, and the next comparison tries again.
      if (!isKuraError(error) || error.code === 'stale-epoch') throw error
      logger.warn({ ...place, code: error.code, err: error }, 'leftover not sealed')
    }
  }

  #checkKnown(diskUuid: DiskUuid, report: ExtentReport): void {
    const { table, alarms, logger } = this.#cell
    const { extentId } = report
    if (table.volumes.knowsExtent(extentId)) return
    const isNewer = splitId(extentId).tableIncarnation > table.transactions.incarnation.number
    const why = isNewer ? BORN_IN_NEWER : 'It is kept as it is.'
    const sentence = `Disk ${diskUuid} has extent ${extentId}, which the table does not know.`
    if (isNewer) table.ids.hold(sentence)
    if (alarms.raise(`extent-unknown-${extentId}`, `${sentence} ${why}`)) {
      logger.error({ diskUuid, extentId }, 'extent unknown to the table')
    }
  }

  #closedInForce(diskUuid: DiskUuid): ReadonlySet<ExtentId> {
    const volumes = this.#cell.table.volumes.onDisk(diskUuid, 'in-force')
    const closed = volumes.filter(({ state }) => state === 'closed')
    const extents = closed.flatMap((volume) => extentsOn(volume, diskUuid, 'in-force'))
    return new Set(extents.map(({ extentId }) => extentId))
  }

  /** The extents that stay in force although they are not what the table says. */
  #checkInForce(
    diskUuid: DiskUuid,
    volume: Volume,
    seen: {
      readonly held: ReadonlyMap<ExtentId, ExtentReport>
      readonly expected: ReadonlySet<ExtentId>
    },
  ): readonly ExtentId[] {
    const unsound: ExtentId[] = []
    if (volume.state !== 'closed') return unsound
    for (const { extentId } of extentsOn(volume, diskUuid, 'in-force')) {
      const report = seen.held.get(extentId)
      const isWhole = report?.state === 'sealed' && report.digest === volume.digest
      if (isWhole) this.#clearAlarms(extentId)
      else if (seen.expected.has(extentId)) {
        const isOut = this.#takeOutOfForce({ diskUuid, extentId }, volume, report)
        if (!isOut) unsound.push(extentId)
      }
    }
    return unsound
  }

  /** Durable: the copy as a source; false where it is the last in force, or an order is at work. */
  #takeOutOfForce(
    { diskUuid, extentId }: { readonly diskUuid: DiskUuid; readonly extentId: ExtentId },
    volume: Volume,
    report: ExtentReport | undefined,
  ): boolean {
    const { table, alarms, logger } = this.#cell
    const { volumeId } = volume
    const found = report === undefined ? 'missing' : `${report.state}, with other records`
    const sentence = `Extent ${extentId} on disk ${diskUuid} should be in force, but is ${found}.`
    alarms.raise(`extent-unlike-${extentId}`, sentence)
    const inForce = volume.extents.filter(({ state }) => state === 'in-force')
    if (inForce.length < 2 || volume.orderId !== undefined) return false
    table.volumes.takeOutOfForce({ volumeId, extentId })
    logger.error({ diskUuid, volumeId, extentId, found }, 'copy taken out of force')
    return true
  }

  async #readmitSources(
    diskUuid: DiskUuid,
    volume: Volume,
    held: ReadonlyMap<ExtentId, ExtentReport>,
  ): Promise<{ readonly missing: readonly ExtentId[]; readonly differ: boolean }> {
    const missing: ExtentId[] = []
    let differ = false
    // An order may be at work on these very copies; it has the disk compared again at its end.
    if (volume.state !== 'closed' || volume.orderId !== undefined) return { missing, differ }
    for (const { extentId } of extentsOn(volume, diskUuid, 'source')) {
      const report = held.get(extentId)
      const found =
        report === undefined ? 'missing' : await this.#tryReadmit(diskUuid, volume, report)
      if (found === 'missing') missing.push(extentId)
      else if (found === 'differs') differ = true
    }
    return { missing, differ }
  }

  /** A copy that its disk cannot seal is as good as missing: another is built in its place. */
  async #tryReadmit(
    diskUuid: DiskUuid,
    volume: Volume,
    listed: ExtentReport,
  ): Promise<'readmitted' | 'differs' | 'missing'> {
    try {
      return (await this.#readmit(diskUuid, volume, listed)) ? 'readmitted' : 'differs'
    } catch (error) {
      if (!isKuraError(error, ...CANNOT_SEAL)) throw error
      const { extentId } = listed
      this.#cell.logger.warn(
        { diskUuid, extentId, code: error.code, err: error },
        'copy not sealed',
      )
      return 'missing'
    }
  }

  /**
   * False where the copy is unlike the digest. Durable where equal: the seal on the disk, then the
   * copy in force in the table, or retired where enough others are.
   */
  async #readmit(diskUuid: DiskUuid, volume: Volume, listed: ExtentReport): Promise<boolean> {
    const { nodes, signal, table, logger, view } = this.#cell
    const { volumeId, digest } = volume
    const place = { diskUuid, volumeId, extentId: listed.extentId }
    // A node that was only cut off still has the extent open.
    const report = listed.state === 'open' ? await nodes.freezeExtent(place, { signal }) : listed
    if (report.digest !== digest) {
      logger.warn({ ...place, recordCount: report.recordCount }, 'returning copy differs; kept')
      return false
    }
    if (!isDiskTrusted(view.state(diskUuid))) return true
    const sealed =
      report.state === 'sealed' ? report : await nodes.sealExtent(place, digest, { signal })
    this.#clearAlarms(place.extentId)
    if (isFull(table.volumes.get(volumeId))) {
      table.volumes.retireSource(volumeId, listed.extentId)
      logger.info({ ...place }, 'returning copy is equal; enough others are in force')
    } else {
      table.volumes.putInForce({ ...place, lengthBytes: sealed.lengthBytes })
      logger.info({ ...place }, 'returning copy is equal and in force')
    }
    return true
  }

  /** The copy is there again, and as the table says. */
  #clearAlarms(extentId: ExtentId): void {
    const { alarms } = this.#cell
    for (const what of ['unlike', 'missing']) alarms.clear(`extent-${what}-${extentId}`)
  }
}

function isFull(volume: Volume | undefined): boolean {
  const inForce = volume?.extents.filter(({ state }) => state === 'in-force') ?? []
  return inForce.length >= REPLICA_COUNT
}

function isLeftover(volume: Volume, placement: ExtentPlacement | undefined): boolean {
  const isDecided = volume.state === 'closed' || volume.state === 'retired'
  return isDecided && (placement?.state === 'retired' || placement?.state === 'source')
}

function extentsOn(
  volume: Volume,
  diskUuid: DiskUuid,
  state: ExtentPlacement['state'],
): readonly ExtentPlacement[] {
  return volume.extents.filter((extent) => extent.diskUuid === diskUuid && extent.state === state)
}
