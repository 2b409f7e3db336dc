import type { DiskRequest } from '@kura/proto'
import { checkNamedDisk } from '../extent-address.ts'
import { encodeDamage } from '../messages.ts'
import type { NodeContext } from '../node-context.ts'

/** Reads everything from media. A suspect disk is re-admitted when all of it verifies. */
export async function verifyDisk(node: NodeContext, request: DiskRequest) {
  checkNamedDisk(node, request)
  const foundAtMs = node.clock.nowMs()
  const { extentsRead, bytesRead, damages } = await node.store.verifyFromMedia()
  for (const damage of damages) node.damages.add(damage, foundAtMs)
  node.tellVolumeManager()
  return {
    extentsRead: BigInt(extentsRead),
    bytesRead: BigInt(bytesRead),
    damages: damages.map((damage) => encodeDamage(damage, { foundAtMs, diskUuid: node.diskUuid })),
    readmitted: !node.store.suspect,
  }
}
