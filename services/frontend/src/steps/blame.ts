/** Whose fault it is that a put is not on all disks of a volume, and who is told. */
import { crc32 } from 'node:zlib'
import { isKuraError, KuraError, toKuraError, type ErrorCode } from '@kura/core'
import type { PickedVolume } from '@kura/placement'
import { PASSED_ON_RATE_WINDOW_MS } from '@kura/transport'
import { AVOID_BUSY_VOLUME_MS, AVOID_VOLUME_MS } from '../limits.ts'
import { mayHaveMoved } from '../replicas/node-addresses.ts'
import type { Put } from './put.ts'
import { VolumeRefused } from './volume-refused.ts'

/** A node that only has too much to do is no reason to leave its volume for long. */
const BUSY: readonly ErrorCode[] = ['overloaded', 'rate-limited']
/** The volume has ended, its disks are well. */
const ENDED: readonly ErrorCode[] = ['extent-full', 'extent-frozen']

export interface Sent {
  readonly picked: PickedVolume
  /** From the first connection asked for to the end of the body; 0 where it was there before. */
  readonly bodyMs: number
}

/**
 * Throws where any copy failed: `failures` has one entry for each disk of the volume, undefined
 * where it has the record. This frontend avoids the volume for a while then, and tells the volume
 * manager. Throws `VolumeRefused`, or `payload-damaged` where the caller is to blame.
 */
export function blame(put: Put, { picked, bodyMs }: Sent, failures: readonly unknown[]): void {
  if (failures.every((failure) => failure === undefined)) return
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
  put.frontend.avoided.avoid(picked.volume.volumeId, avoidMs)
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
