import { KuraError, parseExtentId, parseVolumeId } from '@kura/core'
import type { ExtentId, VolumeId } from '@kura/core'
import type { DiskRequest, ExtentAddress as ExtentAddressMessage } from '@kura/proto'
import type { NodeContext } from './node-context.ts'

type ExtentAddress = Omit<ExtentAddressMessage, '$typeName' | '$unknown'>

export interface ExtentTarget {
  readonly extentId: ExtentId
  readonly volumeId: VolumeId
}

/** The extent of an address that names this disk. Throws `identity-mismatch` for any other. */
export function checkDisk(node: NodeContext, address: ExtentAddress | undefined): ExtentTarget {
  if (address === undefined) throw new KuraError('invalid-argument', 'the address is missing')
  const { pocket, diskUuid } = address
  if (pocket !== node.pocket || diskUuid !== node.diskUuid) throw otherDisk(node, address)
  return {
    extentId: parseExtentId(address.extentId),
    volumeId: parseVolumeId(address.volumeId),
  }
}

/** Throws `identity-mismatch` where the request names a disk, and it is not the one here. */
export function checkNamedDisk(node: NodeContext, { diskUuid }: DiskRequest): void {
  if (diskUuid !== '' && diskUuid !== node.diskUuid) {
    throw otherDisk(node, { pocket: node.pocket, diskUuid })
  }
}

function otherDisk(
  node: NodeContext,
  { pocket, diskUuid }: { readonly pocket: string; readonly diskUuid: string },
): KuraError {
  return new KuraError('identity-mismatch', 'the request is meant for another disk', {
    details: { pocket, diskUuid, here: node.diskUuid },
  })
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
