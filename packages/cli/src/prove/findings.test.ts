import { KuraError, parseBlockHash, type ErrorCode } from '@kura/core'
import type { CopyPlace, CopyReader } from '@kura/client'
import { expect, it } from 'vitest'
import { fateOf, findBlock, hasWrongBytes, type Findings } from './findings.ts'
import { makeProofBlock } from './proof-block.ts'

const block = makeProofBlock({ seed: 'findings', sizeBytesMax: 4_096 }, 1)
const LIMITS = { timeoutMs: 1_000, signal: new AbortController().signal }

type Reading = Uint8Array | ErrorCode

/** A zone that answers so. */
function zoneWith(served: Reading, copies: readonly Reading[] | ErrorCode): CopyReader {
  const say = (reading: Reading): Promise<Uint8Array> =>
    typeof reading === 'string'
      ? Promise.reject(new KuraError(reading, 'as told'))
      : Promise.resolve(reading)
  const reader: Pick<CopyReader, 'readServed' | 'bucketOf' | 'copiesOf' | 'readCopy'> = {
    readServed: async () => ({ bytes: await say(served), bucketId: 1n }),
    bucketOf: () => Promise.resolve(1n),
    copiesOf: async () => {
      if (typeof copies === 'string') throw new KuraError(copies, 'as told')
      return await Promise.resolve(copies.map((_, index) => placeOf(index)))
    },
    readCopy: async (place) => {
      const reading = copies[Number(place.extentId)]
      if (reading === undefined) throw new Error('no such copy')
      return await say(reading as Reading)
    },
  }
  return reader as CopyReader
}

function placeOf(index: number): CopyPlace {
  return { extentId: BigInt(index), volumeId: 1n, diskUuid: `disk-${index}`, nodeId: `1-${index}` }
}

async function find(served: Reading, copies: readonly Reading[] | ErrorCode): Promise<Findings> {
  return await findBlock(zoneWith(served, copies), block.hash, LIMITS)
}

const right = block.bytes
const other = Buffer.from('something else')

it('a block that is served and has three right copies is whole', async () => {
  const findings = await find(right, [right, right, right])
  expect(findings).toEqual({ served: 'right', copies: ['right', 'right', 'right'] })
  expect(fateOf(findings)).toBe('whole')
})

it('a damaged copy, one that is gone and one too few are told apart', async () => {
  const findings = await find(right, ['record-damaged', 'record-unknown'])
  expect(findings.copies).toEqual(['damaged', 'missing', 'missing'])
  expect(fateOf(findings)).toBe('degraded')
})

it('other bytes are wrong wherever they come from', async () => {
  expect(hasWrongBytes(await find(other, [right, right, right]))).toBe(true)
  expect(hasWrongBytes(await find(right, [right, other, right]))).toBe(true)
  expect(hasWrongBytes(await find(right, [right, 'record-damaged', right]))).toBe(false)
})

it('a block is lost when the zone denies it, or has no copy left', async () => {
  expect(fateOf(await find('not-found', []))).toBe('lost')
  const damaged = 'record-damaged'
  expect(fateOf(await find('block-unreadable', [damaged, damaged, damaged]))).toBe('lost')
  expect(fateOf(await find(other, [other, other, other]))).toBe('lost')
})

it('silence is no loss', async () => {
  const damaged = 'record-damaged'
  expect(fateOf(await find('unavailable', [damaged, 'unavailable', damaged]))).toBe('unanswered')
  expect(fateOf(await find('unavailable', 'unavailable'))).toBe('unanswered')
})

it('a copy that is right makes a block one that is not served, not one that is lost', async () => {
  const findings = await find('block-unreadable', [right, 'record-damaged', 'record-damaged'])
  expect(fateOf(findings)).toBe('not-served')
})

it('the blocks of a seed are the same each time, all different, and of all sizes', () => {
  const content = { seed: 'sizes', sizeBytesMax: 1_024 }
  const blocks = Array.from({ length: 500 }, (_, index) => makeProofBlock(content, index))
  expect(blocks[7]).toEqual(makeProofBlock(content, 7))
  expect(new Set(blocks.map(({ hash }) => hash)).size).toBe(blocks.length)
  const sizes = blocks.map(({ bytes }) => bytes.length)
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(32)
  expect(Math.min(...sizes)).toBeLessThan(40)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1_024)
  expect(Math.max(...sizes)).toBeGreaterThan(900)
  expect(parseBlockHash(blocks[0]?.hash ?? '')).toBe(blocks[0]?.hash)
})
