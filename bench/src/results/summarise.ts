/** The runs of each row as one line: medians, with the least and the most of the throughput. */
import { GIB, MIB } from '@kura/core'
import type { Part, Sample, System } from './sample.ts'
import { median } from './statistics.ts'

export interface RowSummary {
  readonly part: Part
  readonly row: string
  readonly system: System
  readonly runs: number
  /** Undefined where the row moves no blocks. */
  readonly mibPerSecond: Spread | undefined
  readonly operationsPerSecond: Spread
  /** Undefined where no single operations were timed. */
  readonly latencyMs:
    { readonly p50: number; readonly p99: number; readonly p999: number } | undefined
  /** For each GiB of blocks, by group of processes; `total` is their sum. Empty where unknown. */
  readonly processorSecondsPerGib: Readonly<Record<string, number>>
  /** The largest process of each group of names: `storage-node-1-3` counts as `storage-node`. */
  readonly residentMib: Readonly<Record<string, number>>
  /** Of all runs together, since a median would hide those of one. */
  readonly retries: number
  readonly figures: Readonly<Record<string, number>>
}

export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** In the order in which rows came first. */
export function summarise(samples: readonly Sample[]): readonly RowSummary[] {
  const groups = Map.groupBy(samples, ({ part, row, system }) => `${part}\n${row}\n${system}`)
  return [...groups.values()].flatMap((runs) => {
    const [first] = runs
    return first === undefined ? [] : [summariseRow(first, runs)]
  })
}

function summariseRow(first: Sample, runs: readonly Sample[]): RowSummary {
  const { part, row, system, bytes } = first
  const timed = runs.flatMap(({ latency }) => (latency === undefined ? [] : [latency]))
  const ms = (values: readonly number[]): number => median(values) / 1_000
  return {
    part,
    row,
    system,
    runs: runs.length,
    mibPerSecond:
      bytes === 0 ? undefined : spreadOf(runs.map((run) => run.bytes / MIB / run.seconds)),
    operationsPerSecond: spreadOf(runs.map(({ operations, seconds }) => operations / seconds)),
    latencyMs:
      timed.length === 0
        ? undefined
        : {
            p50: ms(timed.map(({ p50Us }) => p50Us)),
            p99: ms(timed.map(({ p99Us }) => p99Us)),
            p999: ms(timed.map(({ p999Us }) => p999Us)),
          },
    processorSecondsPerGib: bytes === 0 ? {} : mediansOf(runs.map(costOf)),
    residentMib: mediansOf(runs.map(largestOf)),
    retries: runs.reduce((sum, { retries = 0 }) => sum + retries, 0),
    figures: mediansOf(runs.map(({ figures }) => figures ?? {})),
  }
}

export function costOf({ processorSeconds, bytes }: Sample): Readonly<Record<string, number>> {
  const groups = Object.entries(processorSeconds)
  if (groups.length === 0) return {}
  const total = groups.reduce((sum, [, seconds]) => sum + seconds, 0)
  const all: readonly (readonly [string, number])[] = [['total', total], ...groups]
  return Object.fromEntries(all.map(([group, seconds]) => [group, (seconds * GIB) / bytes]))
}

function largestOf({ residentMib }: Sample): Readonly<Record<string, number>> {
  const largest: Record<string, number> = {}
  for (const [name, mib] of Object.entries(residentMib)) {
    const group = name.replace(/(-\d+)+$/, '')
    largest[group] = Math.max(largest[group] ?? 0, mib)
  }
  return largest
}

function mediansOf(
  records: readonly Readonly<Record<string, number>>[],
): Readonly<Record<string, number>> {
  const names = new Set(records.flatMap((record) => Object.keys(record)))
  return Object.fromEntries(
    [...names].map((name) => [name, median(records.flatMap((record) => record[name] ?? []))]),
  )
}

function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) }
}
