/** The put path. Each line is a step in its own file under `steps/`. */
import { isKuraError, KuraError, mark, PUT_ATTEMPTS_MAX } from '@kura/core'
import type { PickedVolume } from '@kura/placement'
import type { FrontendContext } from '../frontend-context.ts'
import { acknowledge, type Receipt } from '../steps/acknowledge.ts'
import { admit } from '../steps/admit.ts'
import { findExisting } from '../steps/find-existing.ts'
import { pickVolume } from '../steps/pick-volume.ts'
import type { PutCall } from '../steps/put-call.ts'
import type { Put } from '../steps/put.ts'
import { recordInBlockIndex } from '../steps/record-in-block-index.ts'
import { VolumeRefused } from '../steps/volume-refused.ts'
import { writeToAllDisks } from '../steps/write-to-all-disks.ts'
import { writeTogether } from '../steps/write-together.ts'

/**
 * Stores one block. Durable when it resolves: the record on every disk of a volume, and the row in
 * the block index. Throws `overloaded`, `no-open-volume`, `hash-mismatch`, `unknown-outcome`, what
 * is wrong with the body, and the failure of the last volume tried.
 */
export async function putBlock(frontend: FrontendContext, call: PutCall): Promise<Receipt> {
  using put = await admit(frontend, call) //                   a buffer, or `overloaded`
  return await putAdmitted(put)
}

/** The same for a put that has its buffer. */
export async function putAdmitted(put: Put): Promise<Receipt> {
  mark('put.admitted', { hash: put.knownHash })
  const existing = await findExisting(put) //                  durable: the refreshed row
  if (existing !== undefined) return acknowledge(put, existing)
  return await onSomeVolume(put, async () => {
    const volume = await writeToSomeVolume(put) //             durable: three synced copies
    const recorded = await recordInBlockIndex(put, volume) //  durable: the row
    return acknowledge(put, recorded)
  })
}

/** Small blocks share what their writes cost; a large one is passed on while it arrives. */
async function writeToSomeVolume(put: Put): Promise<PickedVolume> {
  const isSmall = put.call.sizeBytes <= put.frontend.smallPutBytesMax
  const volume = isSmall ? await writeTogether(put) : pickVolume(put)
  if (!isSmall) await writeToAllDisks(put, volume)
  mark('put.written', { hash: put.hash, bucketId: volume.volume.bucketId })
  return volume
}

/** Runs the steps again on another volume while this one refuses and the body is in the buffer. */
async function onSomeVolume(put: Put, steps: () => Promise<Receipt>): Promise<Receipt> {
  let isFull = false
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await steps()
    } catch (error) {
      if (isFull && isKuraError(error, 'no-open-volume')) throw zoneFull(error)
      if (!(error instanceof VolumeRefused)) throw error
      isFull = error.reason.code === 'disk-full'
      if (attempt >= PUT_ATTEMPTS_MAX) throw error.reason
      put.frontend.metrics.putRetries.of(error.reason).inc()
    }
  }
}

/** No volume is left, and the last one refused for want of room. */
function zoneFull(cause: KuraError): KuraError {
  return new KuraError('disk-full', 'the disks of every open volume refuse writes', {
    cause,
    hint: 'add storage nodes, or free room on the disks',
  })
}
