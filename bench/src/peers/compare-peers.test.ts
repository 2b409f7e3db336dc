import { expect, it } from 'vitest'
import type { LatencySummary, Sample } from '../results/sample.ts'
import { comparePeers, formatRatio } from './compare-peers.ts'

const PUT = 'put 4 MiB × 16'

function sample(changes: Partial<Sample>): Sample {
  return {
    kind: 'sample',
    part: 'peers',
    row: PUT,
    system: 'kura',
    run: 1,
    seconds: 10,
    operations: 100,
    bytes: 0,
    processorSeconds: {},
    residentMib: {},
    ...changes,
  }
}

function latency(p50Us: number): LatencySummary {
  return { p50Us, p99Us: 0, p999Us: 0, maxUs: 0, histogram: '' }
}

function rounds(system: Sample['system'], operations: readonly number[]): readonly Sample[] {
  return operations.map((each, index) => sample({ system, operations: each, run: index + 1 }))
}

it('the ratio is that of the medians, and its range that of the single rounds', () => {
  const found = comparePeers([
    ...rounds('kura', [150, 200, 900]),
    ...rounds('ceph', [100, 100, 300]),
  ])
  expect(found).toEqual([
    {
      row: PUT,
      peer: 'ceph',
      measure: 'throughput',
      ratio: 2,
      pairMin: 1.5,
      pairMax: 3,
      rounds: 3,
    },
  ])
})

it('the peer has the better figure of our driver and its own tool', () => {
  const samples = [...rounds('kura', [200]), ...rounds('ceph', [100])]
  const better = rounds('ceph, rados bench', [160])
  const worse = rounds('ceph, rados bench', [50])
  expect(comparePeers([...samples, ...better])[0]?.ratio).toBe(1.25)
  expect(comparePeers([...samples, ...worse])[0]?.ratio).toBe(2)
})

it('what its client does not hash is no check of gets that it hashes', () => {
  const samples = [
    ...rounds('kura', [200]),
    ...rounds('ceph, client hashes', [100]),
    ...rounds('ceph, rados bench', [400]),
  ]
  expect(comparePeers(samples)).toMatchObject([{ peer: 'ceph, client hashes', ratio: 2 }])
})

it('one client is compared by the time of one put', () => {
  const row = 'put 4 MiB × 1'
  const samples = [
    sample({ row, latency: latency(5_000) }),
    sample({ row, system: 'ceph', latency: latency(20_000) }),
    sample({ row, system: 'ceph, rados bench', operations: 1_000 }),
  ]
  const [found] = comparePeers(samples)
  expect(found).toMatchObject({ measure: 'p50', ratio: 0.25, rounds: 1 })
  expect(found === undefined ? '' : formatRatio(found)).toContain('0.25× (one round)')
})

it('a row that only one system has run is not compared', () => {
  expect(comparePeers(rounds('kura', [1, 2, 3]))).toEqual([])
})
