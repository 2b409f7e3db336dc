import { KuraError, parseExtentId, parseVolumeId } from '@kura/core'
import type { ExtentId, VolumeId } from '@kura/core'
import type { ExtentAddress } from '@kura/proto'
import type { NodeContext } from './node-context.ts'

export interface ExtentTarget {
  readonly extentId: ExtentId
  readonly volumeId: VolumeId
}

/** The extent of an address that names this disk. Throws `identity-mismatch` for any other. */
export function checkDisk(node: NodeContext, address: ExtentAddress | undefined): ExtentTarget {
  if (address === undefined) throw new KuraError('invalid-argument', 'the address is missing')
  if (address.pocket !== node.pocket || address.diskUuid !== node.diskUuid) {
    throw new KuraError('identity-mismatch', 'the request is meant for another disk', {
      details: { pocket: address.pocket, diskUuid: address.diskUuid, here: node.diskUuid },
    })
  }
  return {
    extentId: parseExtentId(address.extentId),
    volumeId: parseVolumeId(address.volumeId),
  }
}

/**
 * The existing extent of an address. Throws `identity-mismatch` for another disk or volume and
 * `extent-unknown`: a node never says `not-found`, because only the block index can know that.
 */
export function checkExtent(node: NodeContext, address: ExtentAddress | undefined): ExtentId {
  const { extentId, volumeId } = checkDisk(node, address)
  const report = node.store.report(extentId)
  if (report.volumeId !== volumeId) {
    throw new KuraError('identity-mismatch', 'the extent belongs to another volume', {
      details: { extentId, volumeId, here: report.volumeId },
    })
  }
  return extentId
}
