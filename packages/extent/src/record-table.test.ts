import { computeBucketDigest, hashFromBytes } from '@kura/core'
import { SeededRandom } from '@kura/testkit'
import { describe, expect, it } from 'vitest'
import type { RecordLocation } from './record-index.ts'
import { RecordTable } from './record-table.ts'

const random = new SeededRandom(5)

function makeRecords(count: number): RecordLocation[] {
  return Array.from({ length: count }, (_, index) => ({
    hash: hashFromBytes(random.bytes(32)),
    sizeBytes: 1 + (index % 4_000_000),
    plainCrc: random.bytes(4).readUInt32LE(0),
    putAtMs: 1_700_000_000_000 + index,
    offsetBytes: 4096 * (index + 1),
  }))
}

describe.each([0, 1, 63, 64, 65, 5000])('%i records', (count) => {
  const records = makeRecords(count)
  const table = new RecordTable()
  for (const record of records) table.add(record)

  it('are found by hash, and others are not', async () => {
    const index = await table.toIndex()
    const [stranger] = makeRecords(1)
    for (const record of records) {
      expect(table.find(record.hash)).toEqual(record)
      expect(index.find(record.hash)).toEqual(record)
    }
    if (stranger === undefined) throw new Error('one record was asked for')
    expect(table.find(stranger.hash)).toBeUndefined()
    expect(index.find(stranger.hash)).toBeUndefined()
  })

  it('come sorted by hash, with the digest that core computes', async () => {
    const index = await table.toIndex()
    const sorted = [...records].sort((left, right) => (left.hash < right.hash ? -1 : 1))
    expect(await index.records()).toEqual(sorted)
    expect(await index.digest()).toBe(computeBucketDigest(records))
  })
})

it('a copy without some records has the others', () => {
  const records = makeRecords(100)
  const table = new RecordTable()
  for (const record of records) table.add(record)
  const gone = new Set(records.slice(0, 50).map(({ hash }) => hash))
  const copy = table.without(gone)
  expect(copy.recordCount).toBe(50)
  expect(records.map(({ hash }) => copy.find(hash) !== undefined)).toEqual(
    records.map(({ hash }) => !gone.has(hash)),
  )
})

it('sorting a quarter million records leaves the event loop free in between', async () => {
  const table = new RecordTable()
  for (const record of makeRecords(250_000)) table.add(record)
  let longestMs = 0
  let beforeMs = performance.now()
  let isDone = false
  const watch = (): void => {
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - beforeMs)
    beforeMs = nowMs
    if (!isDone) setImmediate(watch)
  }
  watch()
  const startMs = performance.now()
  const index = await table.toIndex()
  await index.digest()
  const totalMs = performance.now() - startMs
  isDone = true
  // A machine that is busy elsewhere delays everything: the slices are compared with the whole.
  expect(longestMs).toBeLessThan(Math.max(20, totalMs / 3))
})
