/** A part of the bench: what it is given, and what it gives. */
import type { Part, Sample } from './results/sample.ts'

export interface PartContext {
  /** Shorter and fewer: for a look, not for a record. All parts together then take 5 minutes. */
  readonly isQuick: boolean
  /** Of the repository; data of a run lies in folders of its own here and is removed afterwards. */
  readonly cacheFolder: string
  /** Where every process writes a V8 processor profile. */
  readonly profileFolder: string | undefined
  /** Whether the user asked for this row; a part skips what nobody wants. */
  wants(row: string): boolean
  /** Takes one run of one row, durably, as soon as it is known. */
  keep(sample: Sample): void
  /** Tells that a part could not be measured here, and why, and keeps it with the results. */
  skip(part: Part, reason: string): void
  /** One line for who watches: what is measured now, and what came out. */
  tell(line: string): void
}

/** Rejects with an error that says what to do; what was kept stays kept. */
export type RunPart = (context: PartContext) => Promise<void>
