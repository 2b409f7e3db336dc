/**
 * Step 4 of a put: the block on every disk of the volume at once. The body is passed on while it
 * still arrives, and hashed on the way; a wrong hash ends all three before any of them commits.
 *
 * Durable: when this returns, every disk of the volume has synced the record. Otherwise it throws:
 * `VolumeRefused` where another volume may do better, or what was wrong with the body.
 */
import { crc32 } from 'node:zlib'
import { assert, isKuraError, KuraError, mark, toKuraError, type ErrorCode } from '@kura/core'
import type { PickedVolume } from '@kura/placement'
import { PASSED_ON_RATE_WINDOW_MS, type OutgoingPut } from '@kura/transport'
import {
  AVOID_BUSY_VOLUME_MS,
  AVOID_VOLUME_MS,
  REPLICA_COMMIT_TIMEOUT_MS,
  REPLICA_WRITE_TIMEOUT_MS,
} from '../limits.ts'
import { mayHaveMoved } from '../replicas/node-addresses.ts'
import type { Put } from './put.ts'
import { VolumeRefused } from './volume-refused.ts'

/** A node that only has too much to do is no reason to leave its volume for long. */
const BUSY: readonly ErrorCode[] = ['overloaded', 'rate-limited']
/** The volume has ended, its disks are well. */
const ENDED: readonly ErrorCode[] = ['extent-full', 'extent-frozen']

interface Replica {
  readonly picked: PickedVolume
  readonly index: number
  readonly outgoing: OutgoingPut
  readonly startedAtMs: number
}

export async function writeToAllDisks(put: Put, picked: PickedVolume): Promise<void> {
  const { clock } = put.frontend
  const startedAtMs = clock.monotonicMs()
  const attempt = new AbortController()
  const signal = AbortSignal.any([put.call.signal, attempt.signal])
  const replicas = await openAll(put, { picked, signal })
  try {
    await sendBody(put, replicas)
  } catch (error) {
    for (const { outgoing } of replicas) outgoing.abort()
    throw error
  }
  const bodyMs = clock.monotonicMs() - startedAtMs
  const cancelTimer = clock.schedule(REPLICA_COMMIT_TIMEOUT_MS, () => {
    attempt.abort(new KuraError('deadline-exceeded', 'a disk did not acknowledge in time'))
  })
  try {
    await commitAll(put, { picked, replicas, bodyMs })
  } finally {
    cancelTimer()
  }
  mark('put.written', { hash: put.hash, bucketId: picked.volume.bucketId })
}

/** An exchange with each node; all of them, or none is left open. */
async function openAll(
  put: Put,
  target: { readonly picked: PickedVolume; readonly signal: AbortSignal },
): Promise<Replica[]> {
  const { picked, signal } = target
  const opened = await Promise.allSettled(
    picked.disks.map((_disk, index) => openReplica(put, { picked, index, signal })),
  )
  const replicas = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  for (const { outgoing } of replicas) put.holdUntil(outgoing.drained)
  const failures = opened.map((one) => (one.status === 'rejected' ? one.reason : undefined))
  try {
    blame(put, { picked, bodyMs: 0 }, failures)
  } catch (error) {
    for (const { outgoing } of replicas) outgoing.abort()
    throw error
  }
  return replicas
}

async function openReplica(
  put: Put,
  target: { readonly picked: PickedVolume; readonly index: number; readonly signal: AbortSignal },
): Promise<Replica> {
  const { frontend, call } = put
  const { picked, index, signal } = target
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
  const value = { address, sizeBytes: call.sizeBytes, putAtMs: put.putAtMs }
  const outgoing = await frontend.blockClient.openPut(
    await frontend.nodes.addressOf(volume.bucketId, disk),
    { requestId: call.requestId, operation: { case: 'writeRecord', value } },
    { sizeBytes: call.sizeBytes, timeoutMs: REPLICA_WRITE_TIMEOUT_MS, signal },
  )
  return { picked, index, outgoing, startedAtMs }
}

/** From the caller the first time, from the buffer after that. */
async function sendBody(put: Put, replicas: readonly Replica[]): Promise<void> {
  // The pieces are views of the put's buffer, which is held until they have left: no need to wait.
  const sendPiece = (piece: Uint8Array): void => {
    for (const { outgoing } of replicas) void outgoing.write(piece)
  }
  if (put.received === undefined) await put.receive(sendPiece)
  else sendPiece(put.bytes)
}

async function commitAll(
  put: Put,
  sent: {
    readonly picked: PickedVolume
    readonly replicas: readonly Replica[]
    readonly bodyMs: number
  },
): Promise<void> {
  const { picked, replicas, bodyMs } = sent
  const { received } = put
  assert(received !== undefined, 'only a whole block is committed')
  // Who failed already needs no others to commit: what they have not committed is not garbage.
  const early = replicas.map(({ outgoing }) => outgoing.failure)
  if (early.some((failure) => failure !== undefined)) {
    for (const { outgoing } of replicas) outgoing.abort()
    blame(put, { picked, bodyMs }, early)
  }
  const trailer = { crc: received.crc, hash: received.hashBytes }
  const committed = await Promise.allSettled(
    replicas.map((replica) => commitOne(put, replica, trailer)),
  )
  const failures = committed.map((one) => (one.status === 'rejected' ? one.reason : undefined))
  blame(put, { picked, bodyMs }, failures)
}

async function commitOne(
  put: Put,
  replica: Replica,
  trailer: { readonly crc: number; readonly hash: Uint8Array },
): Promise<void> {
  const { clock, metrics, writeLatencies } = put.frontend
  const sentAtMs = clock.monotonicMs()
  await replica.outgoing.commit(trailer)
  const nowMs = clock.monotonicMs()
  const disk = replica.picked.disks[replica.index]
  if (disk !== undefined) writeLatencies.add(disk.diskUuid, nowMs - sentAtMs)
  const seconds = (nowMs - replica.startedAtMs) / 1000
  metrics.copySeconds.write.observe(seconds)
}

interface Sent {
  readonly picked: PickedVolume
  /** From the first connection asked for to the end of the body. */
  readonly bodyMs: number
}

/**
 * Throws where any copy failed. The caller's own end is nobody's fault; everything else makes this
 * frontend avoid the volume for a while and tells the volume manager.
 */
function blame(put: Put, { picked, bodyMs }: Sent, failures: readonly unknown[]): void {
  if (failures.every((failure) => failure === undefined)) return
  const { frontend, call } = put
  if (call.signal.aborted) throw toKuraError(call.signal.reason, 'cancelled')
  assertOwnCrc(put, failures)
  let reason: KuraError | undefined
  for (const [index, failure] of failures.entries()) {
    if (failure === undefined) continue
    const error = withoutOwnDelay(toKuraError(failure, 'unavailable'), bodyMs)
    reason ??= error
    blameOne(put, { picked, index, error })
  }
  const isBusy = reason !== undefined && BUSY.includes(reason.code)
  const avoidMs = isBusy ? AVOID_BUSY_VOLUME_MS : AVOID_VOLUME_MS
  frontend.avoided.avoid(picked.volume.volumeId, avoidMs)
  throw new VolumeRefused(reason ?? new KuraError('unavailable', 'a copy failed'))
}

/** A node tells a body that came slowly to us as too slow from us: that is no failure of a disk. */
function withoutOwnDelay(error: KuraError, bodyMs: number): KuraError {
  if (error.code !== 'body-too-slow' || bodyMs < PASSED_ON_RATE_WINDOW_MS) return error
  return new KuraError('overloaded', 'the body came too slowly to be passed on', { cause: error })
}

/** A disk refuses bytes that do not have their CRC; a caller who gave a wrong one is to blame. */
function assertOwnCrc({ received, bytes }: Put, failures: readonly unknown[]): void {
  const isRefused = failures.some((failure) => isKuraError(failure, 'record-damaged'))
  if (!isRefused || received === undefined || crc32(bytes) === received.crc) return
  throw new KuraError('payload-damaged', 'the bytes do not have the CRC of their trailer')
}

function blameOne(
  put: Put,
  failure: { readonly picked: PickedVolume; readonly index: number; readonly error: KuraError },
): void {
  const { frontend, call } = put
  const { picked, index, error } = failure
  const disk = picked.disks[index]
  const extent = picked.volume.extents[index]
  if (disk === undefined || extent === undefined) return
  if (mayHaveMoved(error)) frontend.nodes.doubt()
  const isDiskWell = BUSY.includes(error.code) || ENDED.includes(error.code)
  if (!isDiskWell) frontend.writeLatencies.addFailure(disk.diskUuid)
  frontend.metrics.copyFailures.of({ operation: 'write', code: error.code }).inc()
  frontend.reporter.report({
    volume: picked.volume,
    extentId: extent.extentId,
    diskUuid: disk.diskUuid,
    operation: 'write',
    code: error.code,
    hash: put.knownHash,
    requestId: call.requestId,
  })
}
