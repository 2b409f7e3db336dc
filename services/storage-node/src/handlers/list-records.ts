import type { ListRecordsRequest } from '@kura/proto'
import { checkExtent } from '../extent-address.ts'
import { RECORD_PAGE_MAX } from '../limits.ts'
import { encodeRecord } from '../messages.ts'
import type { NodeContext } from '../node-context.ts'

/** The complete, verified records, in pages of at most RECORD_PAGE_MAX. */
export async function* listRecords(node: NodeContext, request: ListRecordsRequest) {
  const extentId = checkExtent(node, request.address)
  const records = await node.store.listRecords(extentId)
  for (let first = 0; first < records.length; first += RECORD_PAGE_MAX) {
    yield { records: records.slice(first, first + RECORD_PAGE_MAX).map(encodeRecord) }
  }
}
