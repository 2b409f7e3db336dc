/** The get path. Each line is a step in its own file. */
import { isKuraError, KuraError, toKuraError, type Slab } from '@kura/core'
import type { FrontendContext } from '../frontend-context.ts'
import { askPlacement, findPlacement } from '../replicas/find-placement.ts'
import type { GetCall, ReadBlock } from '../steps/get-call.ts'
import { locateBlock, type LocatedBlock } from '../steps/locate-block.ts'
import { readAnyReplica } from '../steps/read-any-replica.ts'

type FindPlacement = typeof findPlacement

/**
 * A verified block. Throws `not-found` only where the index says so, `overloaded`, and
 * `block-unreadable` where no copy could be read.
 */
export async function getBlock(frontend: FrontendContext, call: GetCall): Promise<ReadBlock> {
  frontend.admission.assertChance(call.client) //             or `overloaded`, before any work
  const located = await locateBlock(frontend, call) //        or `not-found`
  try {
    return await readLocated(frontend, { call, located, find: findPlacement })
  } catch (error) {
    if (!mayBeElsewhere(error)) throw error
  }
  // The map may be old, or the block moved since its row was read: ask both authorities again.
  frontend.metrics.readRelocations.inc()
  const again = await locateBlock(frontend, call)
  return await readLocated(frontend, { call, located: again, find: askPlacement })
}

async function readLocated(
  frontend: FrontendContext,
  read: {
    readonly call: GetCall
    readonly located: LocatedBlock
    readonly find: FindPlacement
  },
): Promise<ReadBlock> {
  const { call, located, find } = read
  const placement = await find(frontend, { ...call, bucketId: located.bucketId })
  if (placement === undefined) throw unreadable(located, 'nobody says where its copies are')
  const { client, signal } = call
  const request = { client, sizeBytes: located.sizeBytes }
  const slab = await frontend.admission.reserve(request, { signal })
  const filled = await readOrGiveUp(frontend, { call, located, placement, slab })
  return { located, slab: filled, bytes: filled.payload.subarray(0, located.sizeBytes) }
}

async function readOrGiveUp(
  frontend: FrontendContext,
  read: Parameters<typeof readAnyReplica>[1] & { readonly slab: Slab },
): Promise<Slab> {
  try {
    return await readAnyReplica(frontend, read, read.slab)
  } catch (error) {
    if (read.call.signal.aborted || isKuraError(error, 'overloaded')) throw error
    const { code } = toKuraError(error)
    throw unreadable(read.located, `the last copy asked said ${code}`, error)
  }
}

function unreadable(located: LocatedBlock, why: string, cause?: unknown): KuraError {
  return new KuraError('block-unreadable', `the block is stored, but ${why}`, {
    details: { hash: located.hash, bucketId: located.bucketId },
    hint: 'try again; `kura status` shows which copies are missing or damaged',
    ...(cause === undefined ? {} : { cause }),
  })
}

function mayBeElsewhere(error: unknown): boolean {
  return isKuraError(error, 'block-unreadable')
}
