/**
 * Step 4 of a put: the block on every disk of the volume at once. The body is passed on while it
 * still arrives, and hashed on the way; a wrong hash ends all three before any of them commits.
 *
 * Durable: when this returns, every disk of the volume has synced the record. Otherwise it throws:
 * `VolumeRefused` where another volume may do better, or what was wrong with the body.
 */
import { assert, KuraError, toKuraError } from '@kura/core'
import type { PickedVolume } from '@kura/placement'
import { REPLICA_COMMIT_TIMEOUT_MS } from '../limits.ts'
import { blame, type Sent } from './blame.ts'
import type { Put } from './put.ts'
import { commitReplica, failuresOf, openReplicas, type Replica } from './replica.ts'

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
}

/** An exchange with each node; all of them, or none is left open. */
async function openAll(
  put: Put,
  target: { readonly picked: PickedVolume; readonly signal: AbortSignal },
): Promise<readonly Replica[]> {
  const { frontend, call, putAtMs } = put
  const { requestId, sizeBytes } = call
  const { replicas, failures } = await openReplicas(frontend, {
    ...target,
    sizeBytes,
    requestTo: (address) => {
      const value = { address, sizeBytes, putAtMs }
      return { requestId, operation: { case: 'writeRecord', value } }
    },
  })
  for (const { outgoing } of replicas) put.holdUntil(outgoing.drained)
  try {
    refuse(put, { picked: target.picked, bodyMs: 0 }, failures)
  } catch (error) {
    for (const { outgoing } of replicas) outgoing.abort()
    throw error
  }
  return replicas
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
  sent: Sent & { readonly replicas: readonly Replica[] },
): Promise<void> {
  const { replicas } = sent
  const { received, frontend } = put
  assert(received !== undefined, 'only a whole block is committed')
  // Who failed already needs no others to commit: what they have not committed is not garbage.
  const early = replicas.map(({ outgoing }) => outgoing.failure)
  if (early.some((failure) => failure !== undefined)) {
    for (const { outgoing } of replicas) outgoing.abort()
    refuse(put, sent, early)
  }
  const trailer = { crc: received.crc, hash: received.hashBytes }
  const commits = replicas.map((replica) => commitReplica(frontend, replica, trailer))
  const committed = await Promise.allSettled(commits)
  refuse(put, sent, failuresOf(committed))
}

/** Throws where any copy failed. The caller's own end is nobody's fault. */
function refuse(put: Put, sent: Sent, failures: readonly unknown[]): void {
  if (failures.every((failure) => failure === undefined)) return
  const { signal } = put.call
  if (signal.aborted) throw toKuraError(signal.reason, 'cancelled')
  blame(put, sent, failures)
}
