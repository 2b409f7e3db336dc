/**
 * Step 4 of a small put: the block on every disk of one volume, together with the other small
 * blocks that are under way at the same time. What a small write costs is an exchange, a write and
 * a sync, and not its bytes; so those that wait share them.
 *
 * Durable: when this returns, every disk of the volume has synced the record. Otherwise it throws:
 * `VolumeRefused` where another volume may do better, or what was wrong with the body.
 */
import { untilLeft } from '@kura/core'
import type { PickedVolume } from '@kura/placement'
import type { Put } from './put.ts'

/** The volume that has the block now. Whoever leaves takes only his own block out. */
export async function writeTogether(put: Put): Promise<PickedVolume> {
  if (put.received === undefined) await put.receive(() => undefined)
  const { signal } = put.call
  signal.throwIfAborted()
  return await untilLeft(signal, put.frontend.smallPuts.add(put))
}
