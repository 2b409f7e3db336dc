import { expect, it } from 'vitest'
import { parseBlockHash, parseBucketId, parseDiskUuid, parseVolumeId } from '@kura/core'
import { ManualClock } from '@kura/testkit'
import { AvoidedVolumes } from './avoided-volumes.ts'
import { DamagedBlocks } from './damaged-blocks.ts'
import { DiskLatencies } from './disk-latencies.ts'

const disk = parseDiskUuid('00000000-0000-4000-8000-000000000001')
const volume = parseVolumeId(7)

it('a volume is avoided for its time and not longer', async () => {
  const clock = new ManualClock()
  const avoided = new AvoidedVolumes(clock)
  avoided.avoid(volume, 30_000)
  avoided.avoid(volume, 500)
  await clock.advance(29_999)
  expect(avoided.has(volume)).toBe(true)
  await clock.advance(1)
  expect(avoided.has(volume)).toBe(false)
  expect(avoided.count).toBe(0)
})

it('a disk that failed looks slow, and less so as time goes', async () => {
  const clock = new ManualClock()
  const latencies = new DiskLatencies(clock)
  expect(latencies.of(disk)).toBeUndefined()
  latencies.add(disk, 10)
  expect(latencies.of(disk)).toBe(10)
  latencies.addFailure(disk)
  expect(latencies.of(disk)).toBe(1000)
  await clock.advance(20_000)
  expect(latencies.of(disk)).toBe(250)
})

it('damage is remembered for the bucket it was met in, until the block is put anew', () => {
  const damaged = new DamagedBlocks()
  const hash = parseBlockHash('ab'.repeat(32))
  damaged.add(hash, parseBucketId(3))
  expect(damaged.has(hash, parseBucketId(3))).toBe(true)
  expect(damaged.has(hash, parseBucketId(4))).toBe(false)
  damaged.remove(hash)
  expect(damaged.has(hash, parseBucketId(3))).toBe(false)
})
