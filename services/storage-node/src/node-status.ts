/** What a node says of itself: to the volume manager, and on /readyz. */
import type { DiskSpace, ExtentStore } from '@kura/extent'
import type { ReadinessReason } from '@kura/runtime'
import { domainsOf, type StorageNodeConfig } from './config.ts'
import type { DamageList } from './damage-list.ts'
import { DAMAGES_TOLD_MAX } from './limits.ts'
import { encodeDamage, encodeReport } from './messages.ts'

export type HeartbeatMessage = ReturnType<typeof describeNode>

export interface RunningNode {
  readonly config: StorageNodeConfig
  /** New with every start, so that a restart is seen however quick it was. */
  readonly processId: string
  readonly store: ExtentStore
  readonly damages: DamageList
  readonly rpcAddress: string
  readonly blockAddress: string
}

export function describeNode(node: RunningNode, space: DiskSpace) {
  const { config, store, damages } = node
  const { diskUuid } = store.identity
  return {
    pocket: config.pocket,
    zone: config.zone,
    cellId: config.cellId,
    osdId: config.osdId,
    diskUuid,
    domains: domainsOf(config),
    epoch: BigInt(store.epoch),
    processId: node.processId,
    suspect: store.suspect,
    fullness: store.fullness(),
    totalBytes: BigInt(space.totalBytes),
    freeBytes: BigInt(space.freeBytes),
    unsealed: store
      .reports()
      .filter((report) => report.state !== 'sealed')
      .map(encodeReport),
    damages: damages
      .newest(DAMAGES_TOLD_MAX)
      .map(({ damage, foundAtMs }) => encodeDamage(damage, { foundAtMs, diskUuid })),
    damageCount: BigInt(damages.count),
    rpcAddress: node.rpcAddress,
    blockAddress: node.blockAddress,
  }
}

/** Why this node should get no puts; empty when it should. */
export function readinessOf(
  store: ExtentStore | undefined,
  options: { readonly stopping: boolean; readonly serving: boolean },
): readonly ReadinessReason[] {
  if (options.stopping) return [{ code: 'stopping', message: 'The node is stopping.' }]
  if (store === undefined) {
    return [{ code: 'recovering', message: 'Extents left unsealed are being scanned.' }]
  }
  if (!options.serving) return [{ code: 'starting', message: 'The listeners are being opened.' }]
  const reasons: ReadinessReason[] = []
  if (store.suspect) {
    reasons.push({ code: 'suspect', message: 'A sync failed; run kura disk verify.' })
  }
  if (store.fullness() === 'no-writes') {
    reasons.push({ code: 'no-writes', message: 'The disk is too full for writes.' })
  }
  return reasons
}
