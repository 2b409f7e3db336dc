import { expect, it } from 'vitest'
import { parseRadosBench } from './rados-bench.ts'

it('reads what rados bench says of writes and of reads', () => {
  const writes = '{"datas":[],"total_time_run":"4.243391","total_writes_made":"114"}'
  const reads = 'hints = 1\n{"datas":[],"total_time_run":"3.5","total_reads_made":"372"}\n'
  expect(parseRadosBench(writes)).toEqual({ seconds: 4.243391, operations: 114 })
  expect(parseRadosBench(reads)).toEqual({ seconds: 3.5, operations: 372 })
})

it('refuses what has no figures', () => {
  expect(() => parseRadosBench('{"datas":[]}')).toThrow(/another form/)
})
