/**
 * The person who answers alarms: verifies suspect disks, and declares lost what will not come back.
 * It sees and does only what `kura` can: calls of the zone master.
 */
import { ZoneMaster, type CellStatus } from '@kura/proto'
import type { RpcClientOf } from '@kura/rpc'
import type { Clock } from '@kura/core'
import type { ProcessScope } from '../kernel/process-scope.ts'
import type { SimulatedZone } from './simulated-zone.ts'

const LOOK_EVERY_MS = 2_000
const CALL_TIMEOUT_MS = 10_000
const VERIFY_TIMEOUT_MS = 60_000

export class Operator {
  readonly #zone: SimulatedZone
  readonly #clock: Clock
  readonly #scope: ProcessScope
  readonly #master: RpcClientOf<typeof ZoneMaster>
  readonly #counts = new Map<string, number>()
  #status: CellStatus | undefined
  #seenAtMs = -Infinity

  constructor(zone: SimulatedZone) {
    this.#zone = zone
    const { rpc, clock, addressBook, scope } = zone.shell('operator')
    this.#scope = scope
    this.#clock = clock
    const { pocket, zone: zoneId } = zone.configs.index()
    this.#master = rpc.createClient(ZoneMaster, {
      identity: { pocket, zone: zoneId, kind: 'cli', id: 'operator' },
      resolve: addressBook.resolver('zone-master', undefined, 'rpc'),
    })
  }

  /** What it did, by kind. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  /** The newest view of the cell, if it was seen lately. */
  get status(): CellStatus | undefined {
    return this.#clock.monotonicMs() - this.#seenAtMs < 2 * LOOK_EVERY_MS ? this.#status : undefined
  }

  /** Looks and acts, for as long as the simulation runs. */
  start(): void {
    const rounds = async (): Promise<never> => {
      for (;;) {
        await this.#clock.sleep(LOOK_EVERY_MS)
        await this.#round().catch(() => this.#count('refused'))
      }
    }
    const { kernel } = this.#zone
    kernel.schedule(this.#scope, 0, () => void rounds())
  }

  async #round(): Promise<void> {
    const { cells } = await this.#master.getZoneStatus({}, { timeoutMs: CALL_TIMEOUT_MS })
    const status = cells[0]?.status
    if (status === undefined) return
    this.#status = status
    this.#seenAtMs = this.#clock.monotonicMs()
    await this.#answerDisks(status)
    await this.#answerDeadNodes()
  }

  /** A suspect disk is read whole; what fails that is replaced. */
  async #answerDisks(status: CellStatus): Promise<void> {
    for (const { diskUuid, osdId, state, reachable } of status.disks) {
      if ((state !== 'suspect' && state !== 'lost') || !reachable) continue
      const options = { timeoutMs: VERIFY_TIMEOUT_MS }
      const { readmitted, damageCount } = await this.#master.verifyDisk({ diskUuid }, options)
      this.#count(readmitted ? 'verified' : 'refused-to-verify')
      if (readmitted) continue
      if (damageCount === 0n) {
        // A process that saw a sync fail trusts its disk only after a start.
        this.#zone.restartNode(osdId)
        this.#count('restarted')
        continue
      }
      // Its copies may be the last ones until all are elsewhere.
      if (status.underReplicatedCount > 0n || status.closingVolumes > 0n) continue
      await this.#zone.replaceDisk(osdId)
      this.#count('replaced')
    }
    // What its node does not show any more will not come back.
    for (const { diskUuid, osdId, state, reachable } of status.disks) {
      if (reachable || state === 'lost' || !this.#isReplaced(status, osdId)) continue
      await this.#declareLost(diskUuid)
    }
  }

  /** A node whose disk cannot be used at all has told nobody but its own log. */
  async #answerDeadNodes(): Promise<void> {
    for (const node of this.#zone.nodesWithUselessDisks()) {
      await this.#zone.replaceDisk(node)
      this.#count('replaced')
    }
  }

  #isReplaced({ disks }: CellStatus, osdId: number): boolean {
    return disks.some((disk) => disk.osdId === osdId && disk.reachable)
  }

  async #declareLost(diskUuid: string): Promise<void> {
    await this.#master.declareDiskLost({ diskUuid, apply: true }, { timeoutMs: CALL_TIMEOUT_MS })
    this.#count('declared-lost')
  }

  #count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }
}
