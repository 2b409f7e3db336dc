/** The volume manager of a zone, whose volumes end and are closed while blocks are put. */
import { setTimeout as sleep } from 'node:timers/promises'
import { DirectoryCoordinator } from '@kura/coordination'
import { MARKS, parseCellId, parsePocketId, parseZoneId, type MemberKind } from '@kura/core'
import { StorageNode, VolumeManager } from '@kura/proto'
import { createRpcClient, type RpcClientOf } from '@kura/rpc'
import { SystemClock, SystemRandom } from '@kura/runtime'
import { expect } from 'vitest'
import type { DeathPoint } from './death-point.ts'
import type { MarkedService } from './run-mark-kills.ts'
import { ZoneLife } from './zone-life.ts'
import { ZoneProcess } from './zone-process.ts'

const PUTS_AT_ONCE = 8
const COPIES = 3
/** As the launcher sets it. */
const OPEN_VOLUMES = 6n
const ENDINGS_MAX = 3
const OPEN_TIMEOUT_MS = 30_000
const CLOSE_TIMEOUT_MS = 30_000
const POLL_MS = 30
const place = { pocket: parsePocketId('local'), zone: parseZoneId('a'), cellId: parseCellId(1) }

export class VolumeManagerLife implements MarkedService {
  /** Those of repair are tested where a leader's end is cheaper than a process. */
  readonly marks = MARKS.filter((mark) => /^(table\.volume|close)\./.test(mark))
  readonly #zone: ZoneLife
  #manager: RpcClientOf<typeof VolumeManager> | undefined
  #node: RpcClientOf<typeof StorageNode> | undefined

  private constructor(zone: ZoneLife) {
    this.#zone = zone
  }

  static async start(): Promise<VolumeManagerLife> {
    return new VolumeManagerLife(await ZoneLife.start())
  }

  async spawn(death: DeathPoint | undefined): Promise<ZoneProcess> {
    return await ZoneProcess.spawn(this.#zone.service('volume-manager'), death)
  }

  async connect(): Promise<void> {
    const manager = await this.#addressOf('volume-manager', '1-1')
    this.#manager = createRpcClient(VolumeManager, {
      identity: { ...place, kind: 'cli', id: 'test' },
      resolve: () => Promise.resolve(manager),
    })
    const node = await this.#addressOf('storage-node', '1-1')
    this.#node = createRpcClient(StorageNode, {
      identity: { ...place, kind: 'volume-manager', id: '1-1' },
      resolve: () => Promise.resolve(node),
    })
  }

  disconnect(): void {
    this.#manager?.close()
    this.#node?.close()
    this.#manager = undefined
    this.#node = undefined
  }

  async check(): Promise<void> {
    await this.#zone.check()
  }

  /** Copies are frozen behind the manager's back: their volumes have ended and get successors. */
  async live(): Promise<void> {
    await this.#zone.put(PUTS_AT_ONCE)
    await this.#untilVolumesAreOpen()
    await this.#untilClosed(await this.#freezeCopies())
  }

  async end(): Promise<void> {
    await this.#zone.end()
  }

  /**
   * Puts need one volume only, and that may have no copy on the first node.
   * Throws where the manager does not answer.
   */
  async #untilVolumesAreOpen(): Promise<void> {
    const manager = connected(this.#manager)
    const endsAtMs = performance.now() + OPEN_TIMEOUT_MS
    while (performance.now() < endsAtMs) {
      const { openVolumes } = await manager.getCellStatus({})
      if (openVolumes >= OPEN_VOLUMES) return
      await sleep(POLL_MS)
    }
    throw new Error(`fewer than ${OPEN_VOLUMES} volumes were opened in time`)
  }

  /** The buckets that ended. With four nodes, three of every four volumes are on the first. */
  async #freezeCopies(): Promise<readonly bigint[]> {
    const [manager, node] = [connected(this.#manager), connected(this.#node)]
    const { epoch, disks } = await manager.getCellStatus({})
    const { diskUuid } = disks.find(({ osdId }) => osdId === 1) ?? {}
    const { extents } = await node.listExtents({})
    const open = extents.filter(({ state }) => state === 'open').slice(0, ENDINGS_MAX)
    expect(open.length, 'open extents of the first storage node').toBeGreaterThan(0)
    for (const { extentId, volumeId } of open) {
      const address = { pocket: place.pocket, diskUuid: diskUuid ?? '', extentId, volumeId }
      await node.freezeExtent({ epoch, address })
    }
    return open.map(({ bucketId }) => bucketId)
  }

  /** Throws where the manager does not answer, or the volume has fewer copies than it had. */
  async #untilClosed(bucketIds: readonly bigint[]): Promise<void> {
    const manager = connected(this.#manager)
    const endsAtMs = performance.now() + CLOSE_TIMEOUT_MS
    while (performance.now() < endsAtMs) {
      const { volumes } = await manager.getPlacements({ bucketIds: [...bucketIds] })
      const { openVolumes } = await manager.getCellStatus({})
      expect(volumes, 'buckets stay in the table').toHaveLength(bucketIds.length)
      if (volumes.every(({ state }) => state === 'closed') && openVolumes >= OPEN_VOLUMES) {
        for (const { extents } of volumes) {
          expect(extents.filter(({ state }) => state === 'in-force')).toHaveLength(COPIES)
        }
        return
      }
      await sleep(POLL_MS)
    }
    throw new Error(`the volumes of ${bucketIds.join(', ')} did not close in time`)
  }

  async #addressOf(kind: MemberKind, id: string): Promise<string> {
    const coordinator = await DirectoryCoordinator.open({
      directory: this.#zone.coordinationDir,
      clock: new SystemClock(),
      random: new SystemRandom(),
    })
    const members = await coordinator.members(kind)
    await coordinator.close()
    const { rpc } = members.find((member) => member.id === id)?.addresses ?? {}
    if (rpc === undefined) throw new Error(`${kind} ${id} is not announced`)
    return rpc
  }
}

function connected<Client>(client: Client | undefined): Client {
  if (client === undefined) throw new Error('no process is connected')
  return client
}
