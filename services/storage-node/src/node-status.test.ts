import { expect, test } from 'vitest'
import { parseCellId, parseOsdId, parsePocketId, parseZoneId, SlabPool } from '@kura/core'
import { ExtentStore, initialiseDisk } from '@kura/extent'
import { SystemClock } from '@kura/runtime'
import { MemoryDisk, SeededRandom } from '@kura/testkit'
import { readinessOf } from './node-status.ts'

test('a node with its disk open is not ready before its listeners are', async () => {
  const place = {
    pocket: parsePocketId('test'),
    zone: parseZoneId('a'),
    cellId: parseCellId(1),
    osdId: parseOsdId(1),
  }
  const disk = new MemoryDisk()
  const random = new SeededRandom(1)
  await initialiseDisk(disk, { ...place, random })
  const slabs = new SlabPool({ largeCount: 2, smallCount: 0, waitersMax: 2 })
  const store = await ExtentStore.open({
    disk,
    expected: place,
    clock: new SystemClock(),
    random,
    slabs,
  })
  const codes = (serving: boolean) =>
    readinessOf(store, { stopping: false, serving }).map(({ code }) => code)
  expect(codes(false)).toEqual(['starting'])
  expect(codes(true)).toEqual([])
  await store.close()
})
