/** Samples with known figures. */
import { GIB, MIB } from '@kura/core'
import { Stopwatch } from '../../load/stopwatch.ts'
import type { Results } from '../result-file.ts'
import type { Sample } from '../sample.ts'

/** 100 requests of 4 MiB in 4 s, of 1 to 100 ms, for 2 processor seconds a GiB. */
export function makeSample(differences: Partial<Sample> = {}): Sample {
  const stopwatch = new Stopwatch()
  for (let ms = 1; ms <= 100; ms += 1) stopwatch.recordMs(ms)
  const bytes = 400 * MIB
  return {
    kind: 'sample',
    part: 'load',
    row: 'put 4 MiB × 16 client',
    system: 'kura',
    run: 1,
    seconds: 4,
    operations: 100,
    bytes,
    latency: stopwatch.latency(),
    processorSeconds: { frontend: (1.5 * bytes) / GIB, load: (0.5 * bytes) / GIB },
    residentMib: { 'frontend-1': 250, 'storage-node-1-1': 150, 'storage-node-1-2': 160 },
    ...differences,
  }
}

export function makeResults(samples: readonly Sample[]): Results {
  return {
    heading: {
      kind: 'environment',
      takenAt: '2026-01-02T03:04:05.678Z',
      environment: {
        processors: 2,
        model: 'a processor',
        memoryGib: 24,
        kernel: '6.1',
        mount: '/dev/vda / ext4 rw',
        node: 'v24.0.0',
        commit: 'abc1234',
        versions: { 'better-sqlite3': '1.2.3' },
        loadBefore: 0.1,
      },
    },
    samples,
    skipped: [],
  }
}
