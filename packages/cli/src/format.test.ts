import { expect, it } from 'vitest'
import { formatBytes, formatDuration, formatTable } from './format.ts'
import { describeProgress } from './progress-bar.ts'

it('sizes have three digits and a binary unit', () => {
  const sizes = [0, 999, 1000, 1536, 10 * 1024, 1023 * 1024, 4 * 1024 ** 2, 1024 ** 4 * 2.5]
  expect(sizes.map(formatBytes)).toEqual([
    '0 B',
    '999 B',
    '0.98 KiB',
    '1.50 KiB',
    '10.0 KiB',
    '1.00 MiB',
    '4.00 MiB',
    '2.50 TiB',
  ])
})

it('durations have two units at most', () => {
  expect([5, 1500, 59_499, 65_000, 7_260_000].map(formatDuration)).toEqual([
    '5 ms',
    '2 s',
    '59 s',
    '1 min 5 s',
    '2 h 1 min',
  ])
})

it('columns line up and lines end without blanks', () => {
  const rows = [
    ['disk', 'state'],
    ['a-long-name', ''],
    ['b', 'open'],
  ]
  expect(formatTable(rows)).toBe('disk         state\na-long-name\nb            open')
})

it('progress shows share, sizes, files, rate and the time left', () => {
  const progress = {
    filesDone: 3,
    filesTotal: 10,
    blocksDone: 4,
    bytesDone: 25 * 1024 ** 2,
    bytesTotal: 100 * 1024 ** 2,
  }
  const line = describeProgress(progress, { verb: 'put', elapsedMs: 1000 })
  expect(line).toBe(
    'put  25 % ██████░░░░░░░░░░░░░░░░░░ 25.0 MiB/100 MiB · 3/10 files · 25.0 MiB/s · 3 s left',
  )
})
