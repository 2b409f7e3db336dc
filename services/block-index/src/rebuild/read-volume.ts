import {
  computeBucketDigest,
  isKuraError,
  parseRecordSummary,
  type BlockHash,
  type PocketId,
  type RecordSummary,
} from '@kura/core'
import type { RecordSource, SettledVolume } from './cell-contents.ts'
import type { ZonePeers } from './zone-peers.ts'

const LIST_TIMEOUT_MS = 120_000

export interface VolumeRecords {
  /**
   * - `whole`: one copy has exactly what the table's digest says
   * - `partial`: no copy has; what the readable ones hold is united
   * - `unreadable`: no copy answered
   */
  readonly outcome: 'whole' | 'partial' | 'unreadable'
  readonly records: readonly RecordSummary[]
}

/** The records of a closed volume, from the first copy that has all of them. */
export async function readVolume(
  peers: ZonePeers,
  pocket: PocketId,
  volume: SettledVolume,
): Promise<VolumeRecords> {
  const union = new Map<BlockHash, RecordSummary>()
  let answered = 0
  for (const copy of volume.copies) {
    const records = await listRecords(peers, pocket, { ...copy, cellId: volume.cellId })
    if (records === undefined) continue
    if (computeBucketDigest(records) === volume.digest) return { outcome: 'whole', records }
    answered += 1
    for (const record of records) union.set(record.hash, record)
  }
  const outcome = answered === 0 ? 'unreadable' : 'partial'
  return { outcome, records: [...union.values()] }
}

/** Undefined where the copy cannot be listed now. */
async function listRecords(
  peers: ZonePeers,
  pocket: PocketId,
  source: RecordSource & Pick<SettledVolume, 'cellId'>,
): Promise<readonly RecordSummary[] | undefined> {
  const { diskUuid, volumeId, extentId } = source
  const request = { address: { pocket, diskUuid, volumeId, extentId } }
  const options = { signal: peers.signal, timeoutMs: LIST_TIMEOUT_MS }
  const records: RecordSummary[] = []
  try {
    for await (const page of peers.storageNode(source).listRecords(request, options)) {
      for (const record of page.records) records.push(parseRecordSummary(record))
    }
    return records
  } catch (error) {
    peers.signal.throwIfAborted()
    if (!isKuraError(error)) throw error
    return undefined
  }
}
