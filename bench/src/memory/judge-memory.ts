/** What the memory benchmark has to show, one verdict for each promise. */
import { MIB } from '@kura/core'
import { RESIDENT_BYTES_MAX, type MemoryResult } from './measure-memory.ts'

/** Clients of the loads among which the peak is, and of the load that must keep its share of it. */
const PEAK_CLIENTS = [16, 64]
const CROWD_CLIENTS = 320
const CROWD_SHARE_MIN = 0.7

export interface Verdict {
  readonly isKept: boolean
  readonly text: string
}

export function judgeMemory(results: readonly MemoryResult[]): readonly Verdict[] {
  return [...results.flatMap(judgeLoad), ...judgeCrowd(results)]
}

function judgeLoad(result: MemoryResult): Verdict[] {
  const verdicts = Object.entries(RESIDENT_BYTES_MAX).map(([kind, limitBytes]) => {
    const peaks = result.processes.filter((it) => it.kind === kind).map((it) => it.peakBytes)
    const peakBytes = Math.max(...peaks)
    const text = `${result.name}: ${kind} at most ${toMib(peakBytes)} of ${toMib(limitBytes)} MiB`
    return { isKept: peaks.length > 0 && peakBytes <= limitBytes, text }
  })
  const doneCount = result.putCount + result.gotCount
  verdicts.push({
    isKept: result.putCount > 0 && result.gotCount > 0,
    text: `${result.name}: ${doneCount} blocks moved by ${result.clients} clients`,
  })
  const { oomKillCount } = result
  if (oomKillCount !== undefined) {
    verdicts.push({ isKept: oomKillCount === 0, text: `${result.name}: oom_kill ${oomKillCount}` })
  }
  return verdicts
}

function judgeCrowd(results: readonly MemoryResult[]): Verdict[] {
  const moving = results.filter((result) => result.slowClients === 0)
  const crowd = moving.find((result) => result.clients === CROWD_CLIENTS)
  const peaks = moving.filter((result) => PEAK_CLIENTS.includes(result.clients))
  if (crowd === undefined || peaks.length === 0) return []
  const peak = Math.max(...peaks.map((result) => result.mibPerSecond))
  const share = crowd.mibPerSecond / peak
  const percent = (share * 100).toFixed(0)
  const text = `goodput at ${CROWD_CLIENTS} clients is ${percent} % of the peak, at least 70`
  return [{ isKept: share >= CROWD_SHARE_MIN, text }]
}

export function toMib(bytes: number): string {
  return (bytes / MIB).toFixed(0)
}
