/**
 * Part `peers`: Kura and Ceph RADOS in turn, A B A B, in the same run on the same machine. In each
 * round every system gets every row on new data while nothing of the other runs: a system that was
 * only stopped would find its heartbeats missed. Profiles are not taken: they cost one side alone.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB } from '@kura/core'
import type { PartContext, RunPart } from '../part.ts'
import type { Sample } from '../results/sample.ts'
import { findMissingCeph } from './ceph-programs.ts'
import { cephPeer } from './ceph-peer.ts'
import { comparePeers, formatRatio } from './compare-peers.ts'
import { kuraPeer } from './kura-peer.ts'
import type { Peer, PlannedRun, RunningPeer } from './peer.ts'
import {
  findGetOf,
  planChecks,
  planPeers,
  STAGE_BYTES_MAX,
  type PeerPlan,
  type PeerRow,
  type Stage,
} from './peer-rows.ts'

/** Of an OSD's file: below the share at which Ceph finds it nearly full. */
const OSD_BYTES = STAGE_BYTES_MAX * 1.25

interface Round {
  readonly context: PartContext
  readonly plan: PeerPlan
  readonly run: number
  readonly keep: (sample: Sample) => void
}

export const runPeers: RunPart = async (context) => {
  const plan = planPeers({ isQuick: context.isQuick, wants: (row) => context.wants(row) })
  if (plan.stages.length === 0) return
  const missing = await findMissingCeph()
  if (missing !== undefined) {
    context.skip('peers', missing)
    return
  }
  const samples: Sample[] = []
  const keep = (sample: Sample): void => {
    if (!context.wants(sample.row)) return
    samples.push(sample)
    context.keep(sample)
  }
  const peers = [
    kuraPeer({ tell: () => undefined }),
    cephPeer({ blockSizeBytes: OSD_BYTES, isHashing: plan.isWhole }),
  ]
  for (let run = 1; run <= plan.rounds; run += 1) {
    for (const peer of peers) {
      for (const stage of plan.stages) await runStage(peer, stage, { context, plan, run, keep })
    }
  }
  for (const ratio of comparePeers(samples)) context.tell(formatRatio(ratio))
}

async function runStage(peer: Peer, stage: Stage, round: Round): Promise<void> {
  const { cacheFolder } = round.context
  const folder = join(cacheFolder, `bench-peers-${process.pid}-${peer.name}`)
  await mkdir(folder, { recursive: true })
  try {
    await using running = await peer.start(folder)
    for (const row of stage) {
      for (const planned of peer.planRuns(row)) await measure(running, planned, round)
      const isReadBack = row.operation === 'put' && findGetOf(row, stage) === undefined
      if (isReadBack) await running.readBack(row)
    }
    for (const row of planChecks(round.plan, stage, round.run)) {
      await crossCheck(running, row, round)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function measure(running: RunningPeer, planned: PlannedRun, round: Round): Promise<void> {
  const { row, system } = planned
  const { warmUpSeconds, seconds } = round.plan
  const mostOperations = operationsLeft(running, row)
  const found = await running.measure(planned, { warmUpSeconds, seconds, mostOperations })
  const bytes = found.operations * row.sizeBytes
  const setMib = running.setBytesOf(row) / MIB
  const figures = row.operation === 'get' ? { figures: { setMib } } : {}
  const sample = { ...nameSample(row, round), system, ...found, bytes, ...figures }
  round.keep(sample)
  round.context.tell(describe(sample, round))
}

async function crossCheck(running: RunningPeer, row: PeerRow, round: Round): Promise<void> {
  const { seconds } = round.plan
  const length = { seconds, mostOperations: operationsLeft(running, row) }
  const found = await running.crossCheck(row, length)
  if (found === undefined) return
  const bytes = found.operations * row.sizeBytes
  // Of a process that was not watched.
  const unknown = { processorSeconds: {}, residentMib: {} }
  const system = 'ceph, rados bench'
  const sample = { ...nameSample(row, round), system, ...found, bytes, ...unknown } as const
  round.keep(sample)
  round.context.tell(describe(sample, round))
}

/** A stage has its share of the disk. */
function operationsLeft(running: RunningPeer, row: PeerRow): number {
  if (row.operation === 'get') return Number.MAX_SAFE_INTEGER
  return Math.floor((STAGE_BYTES_MAX - running.storedBytes) / row.sizeBytes)
}

function nameSample(row: PeerRow, { run }: Round) {
  return { kind: 'sample', part: 'peers', row: row.name, run } as const
}

function describe(sample: Sample, { plan }: Round): string {
  const { row, system, run, seconds, operations, bytes, latency } = sample
  const mibPerSecond = (bytes / MIB / seconds).toFixed(0)
  const rates = `${mibPerSecond} MiB/s, ${(operations / seconds).toFixed(0)} op/s`
  const times = latency === undefined ? '' : `, p50 ${(latency.p50Us / 1000).toFixed(1)} ms`
  return `round ${run} of ${plan.rounds}, ${system}, ${row}: ${rates}${times}`
}
