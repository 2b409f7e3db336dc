import { hashFromBytes, isKuraError } from '@kura/core'
import type { ExamineRecordRequest } from '@kura/proto'
import { checkExtent } from '../extent-address.ts'
import type { NodeContext } from '../node-context.ts'

/**
 * How one record is on the medium now, read past the page cache. What the disk does not have is an
 * answer, not an error; `disk-error` says that the disk could not tell.
 */
export async function examineRecord(node: NodeContext, request: ExamineRecordRequest) {
  const hash = hashFromBytes(request.hash)
  try {
    const extentId = checkExtent(node, request.address)
    const extentState = node.store.report(extentId).state
    const examination = await node.store.examine(extentId, hash)
    const { sizeBytes, plainCrc, putAtMs, offsetBytes, flaw, isTrusted } = examination
    const soundState = isTrusted ? 'ok' : 'distrusted'
    return {
      state: flaw === undefined ? soundState : 'damaged',
      part: flaw ?? '',
      sizeBytes,
      plainCrc,
      putAtMs,
      offsetBytes: BigInt(offsetBytes),
      extentState,
    }
  } catch (error) {
    if (isKuraError(error, 'record-unknown', 'extent-unknown')) return { state: error.code }
    throw error
  }
}
