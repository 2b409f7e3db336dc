/**
 * The operations of a load at one door, each checked: a put is of bytes that were never stored, and
 * its receipt has to say so; a get is of a block chosen at random and has to have its SHA-256.
 */
import { isKuraError, KuraError, type ErrorCode } from '@kura/core'
import type { Caller } from './block-door.ts'
import { FreshBlock } from './fresh-block.ts'
import type { HashList } from './hash-list.ts'
import type { Load } from './load.ts'

const GET_SHARE_OF_MIXED = 0.8

/** One operation from its start to its answer. */
type Work = () => Promise<void>

/** Whether it was answered well; rejects where that fails the row. */
export type Operate = () => Promise<boolean>

export interface OperationsOptions {
  readonly load: Load
  /** Blocks to choose from; what is put does not join them before the load is over. */
  readonly stored: HashList
  /** Takes the hash of each block that was acknowledged. */
  readonly acknowledged: HashList
  /** For each stored block: 1 once it was got, whole. */
  readonly got: Uint8Array
  readonly tally: Tally
}

/** What else happened. */
export class Tally {
  puts = 0
  /** Operations that ended in a typed error, by its code. */
  readonly failures = new Map<ErrorCode, number>()
  /** Of the puts those whose block an earlier attempt had stored, whose answer was lost. */
  repeated = 0
}

/** The operations of one client, one at a time. */
export function makeOperate(door: Caller, options: OperationsOptions): Operate {
  const { load, stored, got, tally } = options
  const put = makePut(door, options)
  const get = async (): Promise<void> => {
    const index = load.pattern === 'hot-get' ? 0 : stored.pick()
    const hash = stored.at(index)
    const sizeBytes = await door.get(hash)
    if (sizeBytes !== load.sizeBytes) {
      throw new KuraError('block-unreadable', `block ${hash} has ${sizeBytes} bytes`)
    }
    got[index] = 1
  }
  const work = pickWork(load, { put, get })
  return async () => {
    try {
      await work()
      return true
    } catch (error) {
      if (load.mayFail !== true || !isTypedFailure(error)) throw error
      tally.failures.set(error.code, (tally.failures.get(error.code) ?? 0) + 1)
      return false
    }
  }
}

function pickWork(load: Load, { put, get }: { put: Work; get: Work }): Work {
  switch (load.pattern) {
    case 'put':
      return put
    case 'get':
    case 'hot-get':
      return get
    case 'mixed':
      return async () => await (Math.random() < GET_SHARE_OF_MIXED ? get() : put())
  }
}

function makePut(door: Caller, { load, acknowledged, tally }: OperationsOptions): Work {
  // A client that only gets has no use for one.
  let block: FreshBlock | undefined
  return async () => {
    block ??= new FreshBlock(load.sizeBytes)
    const { hash, newlyStored } = await door.put(block.next())
    if (!newlyStored && load.mayFail !== true) {
      throw new KuraError('state-conflict', `the receipt of block ${hash} says: stored before`)
    }
    acknowledged.add(hash)
    tally.puts += 1
    if (!newlyStored) tally.repeated += 1
  }
}

/** What a zone in trouble may answer. Wrong bytes and lost blocks are never among them. */
function isTypedFailure(error: unknown): error is KuraError {
  return isKuraError(error) && error.retryable && !isKuraError(error, 'block-unreadable')
}
