/** Blocks from several disks at once, one exchange with each of them. */
import { crc32 } from 'node:zlib'
import { hashToBytes, isKuraError, KuraError, toKuraError } from '@kura/core'
import type { ReadOutcome, ResponseHeader } from '@kura/proto'
import { decodeWireError } from '@kura/transport'
import type { FrontendContext } from '../frontend-context.ts'
import { READ_TOGETHER_TIMEOUT_MS } from '../limits.ts'
import type { CopyToRead, DiskRead } from './choose-copies.ts'
import type { LocatedBlock } from './locate-block.ts'
import { noteReadFailure } from './read-replica.ts'

interface Reading {
  readonly requestId: string
  readonly signal: AbortSignal
}

interface ReadCopy {
  readonly located: LocatedBlock
  /** A view of the target. */
  readonly bytes: Buffer
}

/**
 * The blocks that could be read, each with the size and the CRC of its row, at the start of the
 * target in this order and without gaps. Once it has settled, the target is not written any more.
 * Never throws for what fails: its disk is liked less, and its caller asks for the block alone.
 */
export async function readTogether(
  frontend: FrontendContext,
  call: Reading & { readonly reads: readonly DiskRead[]; readonly target: Buffer },
): Promise<readonly LocatedBlock[]> {
  const reading: Promise<readonly ReadCopy[]>[] = []
  let endBytes = 0
  for (const read of call.reads) {
    const target = call.target.subarray(endBytes, endBytes + read.sizeBytes)
    endBytes += read.sizeBytes
    reading.push(readFromDisk(frontend, call, { read, target }))
  }
  const copies = (await Promise.all(reading)).flat()
  closeGaps(call.target, copies)
  return copies.map(({ located }) => located)
}

/** Where a block is missing, those behind it move up. */
function closeGaps(target: Buffer, copies: readonly ReadCopy[]): void {
  let endBytes = 0
  for (const { bytes } of copies) {
    if (bytes.byteOffset !== target.byteOffset + endBytes) bytes.copy(target, endBytes)
    endBytes += bytes.length
  }
}

/** Never rejects for what the disk, its node or the way there do. */
async function readFromDisk(
  frontend: FrontendContext,
  call: Reading,
  { read, target }: { readonly read: DiskRead; readonly target: Buffer },
): Promise<readonly ReadCopy[]> {
  const { clock, readLatencies, hedging, metrics } = frontend
  const startedAtMs = clock.monotonicMs()
  // What is asked for alone, where this is too slow, has to know what is slow, and may hedge.
  hedging.earn(read.copies.length)
  try {
    const outcomes = await exchange(frontend, call, { read, target })
    const durationMs = clock.monotonicMs() - startedAtMs
    readLatencies.add(read.disk.diskUuid, durationMs)
    hedging.add(read.copies[0].located.sizeBytes, durationMs)
    metrics.copySeconds.read.observe(durationMs / 1000)
    return takeCopies(frontend, call, { read, target, outcomes })
  } catch (error) {
    if (!isKuraError(error)) throw error
    // Slow is no failure: the quicker copies come first then.
    if (error.code === 'deadline-exceeded') {
      readLatencies.add(read.disk.diskUuid, READ_TOGETHER_TIMEOUT_MS)
    } else if (!call.signal.aborted) {
      noteReadFailure(frontend, { ...read.copies[0], error, requestId: call.requestId })
    }
    return []
  }
}

async function exchange(
  frontend: FrontendContext,
  { requestId, signal }: Reading,
  { read, target }: { readonly read: DiskRead; readonly target: Buffer },
): Promise<readonly ReadOutcome[]> {
  const { disk, copies } = read
  const records = copies.map(({ located, placement, extent }) => ({
    volumeId: BigInt(placement.volume.volumeId),
    extentId: BigInt(extent.extentId),
    hash: hashToBytes(located.hash),
  }))
  const value = { pocket: frontend.pocket, diskUuid: disk.diskUuid, records }
  const address = await frontend.nodes.addressOf(copies[0].placement.volume.bucketId, disk)
  const { response } = await frontend.blockClient.exchange(
    address,
    { requestId, operation: { case: 'readRecords', value } },
    {
      timeoutMs: READ_TOGETHER_TIMEOUT_MS,
      signal,
      // That of each block says more.
      checkCrc: false,
      receive: (sizeBytes) => {
        if (sizeBytes <= target.length) return target.subarray(0, sizeBytes)
        throw new KuraError('protocol-violation', 'more came than was asked for')
      },
    },
  )
  return readOutcomes(response, copies.length)
}

/** Throws `protocol-violation`. */
function readOutcomes({ outcome }: ResponseHeader, count: number): readonly ReadOutcome[] {
  const outcomes = outcome.case === 'readRecords' ? outcome.value.outcomes : []
  if (outcomes.length === count) return outcomes
  throw new KuraError('protocol-violation', 'not every record has its outcome')
}

/** Those that are what their rows say. */
function takeCopies(
  frontend: FrontendContext,
  { requestId }: Reading,
  came: {
    readonly read: DiskRead
    readonly target: Buffer
    readonly outcomes: readonly ReadOutcome[]
  },
): readonly ReadCopy[] {
  let endBytes = 0
  const taken: ReadCopy[] = []
  for (const [index, copy] of came.read.copies.entries()) {
    const outcome = came.outcomes[index]
    const sizeBytes = outcome?.outcome.case === 'read' ? outcome.outcome.value.sizeBytes : 0
    const bytes = came.target.subarray(endBytes, endBytes + sizeBytes)
    endBytes += sizeBytes
    const error = findFlaw(copy, { outcome, bytes })
    if (error === undefined) taken.push({ located: copy.located, bytes })
    else noteReadFailure(frontend, { ...copy, error, requestId })
  }
  return taken
}

function findFlaw(
  { located }: CopyToRead,
  { outcome, bytes }: { readonly outcome: ReadOutcome | undefined; readonly bytes: Buffer },
): KuraError | undefined {
  const said = outcome?.outcome
  if (said?.case === 'error') return toKuraError(decodeWireError(said.value))
  const isMeant = bytes.length === located.sizeBytes && crc32(bytes) === located.plainCrc
  if (said?.case === 'read' && isMeant) return undefined
  return new KuraError('record-damaged', 'a copy has another size or checksum')
}
