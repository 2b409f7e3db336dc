/**
 * What the bench keeps: JSON lines, the first one the environment, every other one run of one row.
 * Tables, plots and comparisons are made from these lines and from nothing else.
 */
import type { Environment } from './environment.ts'

export type Part = 'limit' | 'load' | 'micro' | 'peers' | 'special'

/** Whose figures these are. */
export type System = 'kura' | 'machine' | 'ceph' | 'ceph, client hashes' | 'ceph, rados bench'

export interface Sample {
  readonly kind: 'sample'
  readonly part: Part
  /** Names the row in tables, plots, comparisons and `--only`: `put 4 MiB × 16 client`. */
  readonly row: string
  readonly system: System
  /** Several runs of one row are numbered from 1. */
  readonly run: number
  /** From the first request to the last answer. */
  readonly seconds: number
  /** Answered well within that time. */
  readonly operations: number
  /** Of blocks, not of what the wire added to them; 0 where the row moves none. */
  readonly bytes: number
  /** Of single operations; absent where they were not timed one by one. */
  readonly latency?: LatencySummary
  /**
   * How often a client was refused, or its answer broke off, and it asked again, in the row and its
   * warm-up. Absent where nobody counted.
   */
  readonly retries?: number
  /** User and system time spent meanwhile, by group of processes: `frontend`, `storage-node`, … */
  readonly processorSeconds: Readonly<Record<string, number>>
  /** Highest resident memory of each process meanwhile, by its name: `storage-node-3`. */
  readonly residentMib: Readonly<Record<string, number>>
  /** Figures that only this row has, e.g. `{ failed: 3 }`; units are in the names. */
  readonly figures?: Readonly<Record<string, number>>
}

/** Microseconds. */
export interface LatencySummary {
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly maxUs: number
  /** The whole histogram, as HdrHistogram encodes and compresses it, in base64. */
  readonly histogram: string
}

/** The first line. */
export interface Heading {
  readonly kind: 'environment'
  readonly takenAt: string
  readonly environment: Environment
}

/** A part that could not be measured on this machine. */
export interface Skipped {
  readonly kind: 'skipped'
  readonly part: Part
  readonly reason: string
}

export type ResultLine = Heading | Sample | Skipped
