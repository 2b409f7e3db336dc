/** One copy of what is written to a volume: the exchange with the node that has its disk. */
import type { MessageInitShape } from '@bufbuild/protobuf'
import { assert } from '@kura/core'
import type { PickedVolume } from '@kura/placement'
import type { ExtentAddressSchema, ResponseHeader } from '@kura/proto'
import type { OpenPutOptions, OutgoingPut, RequestInit } from '@kura/transport'
import type { FrontendContext } from '../frontend-context.ts'
import { REPLICA_WRITE_TIMEOUT_MS } from '../limits.ts'

export interface Replica {
  readonly picked: PickedVolume
  readonly index: number
  readonly outgoing: OutgoingPut
  readonly startedAtMs: number
}

export interface ReplicaRequest extends Omit<OpenPutOptions, 'timeoutMs'> {
  readonly picked: PickedVolume
  readonly requestTo: (address: MessageInitShape<typeof ExtentAddressSchema>) => RequestInit
}

/** An exchange with the node of each disk; `failures` has an entry for each disk. Never throws. */
export async function openReplicas(
  frontend: FrontendContext,
  request: ReplicaRequest,
): Promise<{ readonly replicas: readonly Replica[]; readonly failures: readonly unknown[] }> {
  const opening = request.picked.disks.map((_disk, index) => openReplica(frontend, request, index))
  const opened = await Promise.allSettled(opening)
  return {
    replicas: opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    failures: failuresOf(opened),
  }
}

async function openReplica(
  frontend: FrontendContext,
  request: ReplicaRequest,
  index: number,
): Promise<Replica> {
  const { picked, requestTo, ...options } = request
  const { volume } = picked
  const disk = picked.disks[index]
  const extent = volume.extents[index]
  assert(disk !== undefined && extent !== undefined, 'a picked volume names disk and extent alike')
  const startedAtMs = frontend.clock.monotonicMs()
  const address = {
    pocket: frontend.pocket,
    diskUuid: disk.diskUuid,
    volumeId: BigInt(volume.volumeId),
    extentId: BigInt(extent.extentId),
  }
  const outgoing = await frontend.blockClient.openPut(
    await frontend.nodes.addressOf(volume.bucketId, disk),
    requestTo(address),
    { ...options, timeoutMs: REPLICA_WRITE_TIMEOUT_MS },
  )
  return { picked, index, outgoing, startedAtMs }
}

/** The node's answer: what was sent is durable on its disk, as far as the answer says so. */
export async function commitReplica(
  frontend: FrontendContext,
  replica: Replica,
  trailer: Parameters<OutgoingPut['commit']>[0],
): Promise<ResponseHeader> {
  const { clock, metrics, writeLatencies } = frontend
  const sentAtMs = clock.monotonicMs()
  const response = await replica.outgoing.commit(trailer)
  const nowMs = clock.monotonicMs()
  const disk = replica.picked.disks[replica.index]
  if (disk !== undefined) writeLatencies.add(disk.diskUuid, nowMs - sentAtMs)
  metrics.copySeconds.write.observe((nowMs - replica.startedAtMs) / 1000)
  return response
}

/** One entry for each: why it failed, undefined where it did not. */
export function failuresOf(settled: readonly PromiseSettledResult<unknown>[]): readonly unknown[] {
  return settled.map((one) => (one.status === 'rejected' ? one.reason : undefined))
}
