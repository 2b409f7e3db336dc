/** One read from one copy, verified as it arrives. */
import { createHash } from 'node:crypto'
import { assert, KuraError, hashToBytes, toKuraError, type Slab } from '@kura/core'
import type { MapExtent } from '@kura/placement'
import type { FrontendContext } from '../frontend-context.ts'
import { REPLICA_READ_TIMEOUT_MS } from '../limits.ts'
import type { Placement } from '../replicas/find-placement.ts'
import { mayHaveMoved } from '../replicas/node-addresses.ts'
import type { GetCall } from './get-call.ts'
import type { LocatedBlock } from './locate-block.ts'

export interface ReplicaRead {
  readonly call: GetCall
  readonly located: LocatedBlock
  readonly placement: Placement
}

/**
 * Fills the slab with the block from this copy. Checks size and CRC against the row of the index,
 * and the SHA-256 where the call asks for it; `record-damaged` where they differ. Once it has
 * settled the slab is not written any more.
 */
export async function readReplica(
  frontend: FrontendContext,
  read: ReplicaRead,
  attempt: ReplicaAttempt,
): Promise<void> {
  const startedAtMs = frontend.clock.monotonicMs()
  const { diskUuid } = attempt.extent
  try {
    await readVerified(frontend, read, attempt)
    const durationMs = frontend.clock.monotonicMs() - startedAtMs
    frontend.readLatencies.add(diskUuid, durationMs)
    frontend.hedging.add(read.located.sizeBytes, durationMs)
    frontend.metrics.copySeconds.read.observe(durationMs / 1000)
  } catch (error) {
    if (!attempt.signal.aborted) {
      const { extent } = attempt
      noteReadFailure(frontend, { ...read, extent, error, requestId: read.call.requestId })
    }
    throw error
  }
}

interface ReplicaAttempt {
  readonly extent: MapExtent
  readonly slab: Slab
  readonly signal: AbortSignal
}

async function readVerified(
  frontend: FrontendContext,
  read: ReplicaRead,
  attempt: ReplicaAttempt,
): Promise<void> {
  const { located, call } = read
  const sha256 = call.verifyHash ? createHash('sha256') : undefined
  const { address, request } = await addressRead(frontend, read, attempt.extent)
  const result = await frontend.blockClient.exchange(address, request, {
    timeoutMs: REPLICA_READ_TIMEOUT_MS,
    signal: attempt.signal,
    // The SHA-256 says more, and reads every byte anyway.
    checkCrc: sha256 === undefined,
    receive: (sizeBytes) => {
      if (sizeBytes !== located.sizeBytes) throw damaged('a copy has another size')
      return attempt.slab.payload.subarray(0, sizeBytes)
    },
    onPiece: sha256 === undefined ? undefined : (piece) => void sha256.update(piece),
  })
  if (result.crc !== located.plainCrc) throw damaged('a copy has another checksum')
  if (sha256 !== undefined && sha256.digest('hex') !== located.hash) {
    throw damaged('a copy has another hash')
  }
}

/** Which node, and which record of which extent of which disk. */
async function addressRead(frontend: FrontendContext, read: ReplicaRead, extent: MapExtent) {
  const { located, call, placement } = read
  const { volume } = placement
  const disk = placement.diskOf(extent.diskUuid)
  if (disk === undefined) throw new KuraError('unavailable', 'the map has no such disk')
  const value = {
    address: {
      pocket: frontend.pocket,
      diskUuid: disk.diskUuid,
      volumeId: BigInt(volume.volumeId),
      extentId: BigInt(extent.extentId),
    },
    hash: hashToBytes(located.hash),
  }
  return {
    address: await frontend.nodes.addressOf(volume.bucketId, disk),
    request: { requestId: call.requestId, operation: { case: 'readRecord' as const, value } },
  }
}

function damaged(message: string): KuraError {
  return new KuraError('record-damaged', message)
}

/** A copy that could not be read: this frontend likes its disk less, and tells who can mend it. */
export function noteReadFailure(
  frontend: FrontendContext,
  failure: Omit<ReplicaRead, 'call'> & {
    readonly extent: MapExtent
    readonly error: unknown
    readonly requestId: string
  },
): void {
  const { extent, located, placement, requestId } = failure
  const error = toKuraError(failure.error, 'unavailable')
  const { code } = error
  assert(extent.extentId > 0, 'a copy has an extent id')
  frontend.metrics.copyFailures.of({ operation: 'read', code }).inc()
  if (mayHaveMoved(error)) frontend.nodes.doubt()
  if (code === 'overloaded') return
  frontend.readLatencies.addFailure(extent.diskUuid)
  if (code === 'record-damaged' || code === 'record-unknown') {
    frontend.damaged.add(located.hash, located.bucketId)
  }
  frontend.reporter.report({
    volume: placement.volume,
    extentId: extent.extentId,
    diskUuid: extent.diskUuid,
    operation: 'read',
    code,
    hash: located.hash,
    requestId,
  })
}
