import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseBlockHash, parseBucketId, parseZoneId } from '@kura/core'
import { isLive, type BlockRow } from './index-store.ts'
import { decidePut, decideRefresh, stampPut } from './put-rules.ts'

const hash = parseBlockHash('ab'.repeat(32))
const origin = { zone: parseZoneId('a'), incarnation: { number: 1, random: '0123456789abcdef' } }
const time = fc.integer({ min: 0, max: 2 ** 41 })
const rows = fc
  .record({ bucket: fc.integer({ min: 0, max: 3 }), lastPutMs: time, deletedUpToMs: time })
  .map(({ bucket, lastPutMs, deletedUpToMs }): BlockRow => ({
    hash,
    bucketId: bucket === 0 ? undefined : parseBucketId(bucket),
    sizeBytes: bucket === 0 ? 0 : 10,
    plainCrc: bucket === 0 ? 0 : 1,
    lastPutMs,
    deletedUpToMs,
    partition: 10,
    position: 1,
    origin,
  }))

it('a stamp never goes back, is never before now and always after the last delete', () => {
  fc.assert(
    fc.property(rows, time, (row, nowMs) => {
      const stamp = stampPut(row, nowMs)
      expect(stamp).toBeGreaterThanOrEqual(row.lastPutMs)
      expect(stamp).toBeGreaterThanOrEqual(nowMs)
      expect(stamp).toBeGreaterThan(row.deletedUpToMs)
      expect([nowMs, row.lastPutMs, row.deletedUpToMs + 1]).toContain(stamp)
    }),
  )
  expect(stampPut(undefined, 5)).toBe(5)
})

it('the stamps of two puts do not depend on their order', () => {
  fc.assert(
    fc.property(rows, time, time, (row, first, second) => {
      const after = (a: number, b: number): number =>
        stampPut({ ...row, lastPutMs: stampPut(row, a) }, b)
      expect(after(first, second)).toBe(after(second, first))
    }),
  )
})

it('a put of whatever row leaves a live row', () => {
  fc.assert(
    fc.property(rows, time, fc.integer({ min: 1, max: 3 }), (row, nowMs, bucket) => {
      const put = { hash, bucketId: parseBucketId(bucket), sizeBytes: 10, plainCrc: 1 }
      const decision = decidePut(row, put, { nowMs, tMinMs: 1000 })
      if (decision.action === 'join') {
        expect(isLive(row)).toBe(false)
        const joined = { ...row, bucketId: put.bucketId, lastPutMs: stampPut(row, nowMs) }
        expect(isLive(joined)).toBe(true)
      } else {
        expect(isLive(decision.row)).toBe(true)
      }
    }),
  )
})

it('a live row moves only when it points at the bucket to be replaced', () => {
  const bucket = fc.integer({ min: 1, max: 3 }).map(parseBucketId)
  fc.assert(
    fc.property(rows, bucket, bucket, (row, bucketId, replaceBucketId) => {
      fc.pre(isLive(row))
      const put = { hash, bucketId, sizeBytes: 10, plainCrc: 1, replaceBucketId }
      const { action } = decidePut(row, put, { nowMs: 0, tMinMs: 1000 })
      const moves = row.bucketId === replaceBucketId && replaceBucketId !== bucketId
      expect(action === 'join').toBe(moves)
    }),
  )
})

it('a row is refreshed once it is older than half of t_min, so never near the edge', () => {
  fc.assert(
    fc.property(rows, time, fc.integer({ min: 2, max: 10_000 }), (row, nowMs, tMinMs) => {
      const { action } = decideRefresh(row, { nowMs, tMinMs })
      const lastPutMs = action === 'refresh' ? stampPut(row, nowMs) : row.lastPutMs
      expect(nowMs - lastPutMs).toBeLessThanOrEqual(tMinMs / 2)
    }),
  )
})

it('a row that is only a delete mark takes any size; a row with bytes takes its own', () => {
  const mark: BlockRow = {
    hash,
    bucketId: undefined,
    sizeBytes: 0,
    plainCrc: 0,
    lastPutMs: 0,
    deletedUpToMs: 50,
    partition: 10,
    position: 1,
    origin,
  }
  const put = { hash, bucketId: parseBucketId(1), sizeBytes: 10, plainCrc: 1 }
  expect(decidePut(mark, put, { nowMs: 1, tMinMs: 1000 }).action).toBe('join')
  const deleted = { ...mark, bucketId: parseBucketId(1), sizeBytes: 11, plainCrc: 1 }
  expect(() => decidePut(deleted, put, { nowMs: 1, tMinMs: 1000 })).toThrow(
    expect.objectContaining({ code: 'internal' }),
  )
})
