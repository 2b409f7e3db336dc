/** Small puts that are written together: one volume, and one exchange with each of its disks. */
import { crc32 } from 'node:zlib'
import { assert, KuraError, toKuraError } from '@kura/core'
import type { PickedVolume } from '@kura/placement'
import type { WriteOutcome, ResponseHeader } from '@kura/proto'
import { decodeWireError, ENTRY_REQUEST_ID_LENGTH_MAX } from '@kura/transport'
import { REPLICA_COMMIT_TIMEOUT_MS } from '../limits.ts'
import { blame } from './blame.ts'
import { joinVolume, pickVolume } from './pick-volume.ts'
import type { Put, ReceivedBlock } from './put.ts'
import { commitReplica, openReplicas, type Replica, type ReplicaRequest } from './replica.ts'

interface Group {
  readonly picked: PickedVolume
  readonly puts: readonly [Put, ...Put[]]
}

type Outcomes = Map<Put, PromiseSettledResult<PickedVolume>>

/** Of one copy, for each put: why it failed, undefined where the disk has its record. */
type CopyFailures = readonly unknown[]

/**
 * For each put the volume that has its block now, durable on all its disks, or what `blame` and
 * `pickVolume` say. Nearly always one group; puts that its volume has refused before get another.
 */
export async function writeGroup(
  puts: readonly Put[],
): Promise<readonly PromiseSettledResult<PickedVolume>[]> {
  const outcomes: Outcomes = new Map()
  await Promise.all(assignVolumes(puts, outcomes).map((group) => writeOne(group, outcomes)))
  return puts.map((put) => {
    const outcome = outcomes.get(put)
    assert(outcome !== undefined, 'every put of a group has an outcome')
    return outcome
  })
}

function assignVolumes(puts: readonly Put[], outcomes: Outcomes): readonly Group[] {
  const groups: Group[] = []
  let rest = puts
  for (let lead = rest[0]; lead !== undefined; lead = rest[0]) {
    const group = startGroup(lead, { rest, outcomes })
    if (group !== undefined) groups.push(group)
    const taken = new Set(group?.puts ?? [lead])
    rest = rest.filter((put) => !taken.has(put))
  }
  return groups
}

/** The volume of the first, with all who may go there too. */
function startGroup(
  lead: Put,
  { rest, outcomes }: { readonly rest: readonly Put[]; readonly outcomes: Outcomes },
): Group | undefined {
  try {
    // Who has left has given his buffer back.
    lead.call.signal.throwIfAborted()
    const picked = pickVolume(lead)
    const { volumeId } = picked.volume
    const others = rest.filter(
      (put) => put !== lead && !put.triedVolumes.has(volumeId) && !put.call.signal.aborted,
    )
    for (const put of others) joinVolume(put, picked)
    return { picked, puts: [lead, ...others] }
  } catch (reason) {
    outcomes.set(lead, { status: 'rejected', reason })
    return undefined
  }
}

/** Never rejects. */
async function writeOne(group: Group, outcomes: Outcomes): Promise<void> {
  const { puts, picked } = group
  const over = Promise.withResolvers<void>()
  // A caller who leaves now gives nothing back that may still be sent.
  for (const put of puts) put.holdUntil(over.promise)
  const copies = await writeCopies(group)
  for (const [index, put] of puts.entries()) {
    const failures = copies.map((copy) => copy[index])
    outcomes.set(put, judge(put, { picked, failures }))
  }
  over.resolve()
}

function judge(
  put: Put,
  { picked, failures }: { readonly picked: PickedVolume; readonly failures: readonly unknown[] },
): PromiseSettledResult<PickedVolume> {
  try {
    blame(put, { picked, bodyMs: 0 }, failures)
  } catch (reason) {
    return { status: 'rejected', reason }
  }
  return { status: 'fulfilled', value: picked }
}

/** What became of each copy. Never rejects. */
async function writeCopies(group: Group): Promise<readonly CopyFailures[]> {
  const { puts } = group
  const [{ frontend }] = puts
  const attempt = new AbortController()
  const request = requestOf(group, attempt.signal)
  const { replicas, failures } = await openReplicas(frontend, request)
  for (const { outgoing } of replicas) {
    for (const put of puts) put.holdUntil(outgoing.drained)
  }
  if (failures.some((failure) => failure !== undefined)) {
    // What the others have not been sent is not garbage on their disks.
    for (const { outgoing } of replicas) outgoing.abort()
    return failures.map((failure) => puts.map(() => failure))
  }
  const cancelTimer = frontend.clock.schedule(REPLICA_COMMIT_TIMEOUT_MS, () => {
    attempt.abort(new KuraError('deadline-exceeded', 'a disk did not acknowledge in time'))
  })
  const crc = puts.reduce((soFar, { bytes }) => crc32(bytes, soFar), 0)
  const writes = replicas.map((replica) => writeCopy(group, { replica, crc }))
  const copies = await Promise.all(writes)
  cancelTimer()
  return copies
}

async function writeCopy(
  { puts }: Group,
  { replica, crc }: { readonly replica: Replica; readonly crc: number },
): Promise<CopyFailures> {
  const [{ frontend }] = puts
  try {
    // The blocks are views of the puts' buffers, which are held until they have left.
    for (const { bytes } of puts) void replica.outgoing.write(bytes)
    const response = await commitReplica(frontend, replica, { crc, hash: undefined })
    return readOutcomes(response, puts.length)
  } catch (error) {
    const failure = toKuraError(error, 'unavailable')
    return puts.map(() => failure)
  }
}

function requestOf({ picked, puts }: Group, signal: AbortSignal): ReplicaRequest {
  const records = puts.map((put) => {
    const { hashBytes: hash, crc: plainCrc } = receivedBy(put)
    const requestId = put.call.requestId.slice(0, ENTRY_REQUEST_ID_LENGTH_MAX)
    return { sizeBytes: put.call.sizeBytes, putAtMs: put.putAtMs, hash, plainCrc, requestId }
  })
  const [{ call }] = puts
  return {
    picked,
    signal,
    sizeBytes: records.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    isAtHand: true,
    requestTo: (address) => ({
      requestId: call.requestId,
      operation: { case: 'writeRecords', value: { address, records } },
    }),
  }
}

function receivedBy({ received }: Put): ReceivedBlock {
  assert(received !== undefined, 'only whole blocks are written together')
  return received
}

/** Throws `protocol-violation`. */
function readOutcomes({ outcome }: ResponseHeader, count: number): CopyFailures {
  const outcomes = outcome.case === 'writeRecords' ? outcome.value.outcomes : []
  if (outcomes.length === count) return outcomes.map(readOutcome)
  throw new KuraError('protocol-violation', 'not every record has its outcome')
}

function readOutcome({ outcome }: WriteOutcome): KuraError | undefined {
  if (outcome.case === 'written') return undefined
  if (outcome.case === 'error') return decodeWireError(outcome.value)
  return new KuraError('protocol-violation', 'the outcome of a record is missing')
}
