/** How much of each special row is measured, and what they share. */
import type { Sample } from '../results/sample.ts'

export interface SpecialPlan {
  readonly overload: {
    /** Each on a new zone. */
    readonly rounds: number
    /** Before and after. */
    readonly peakSeconds: number
    readonly warmUpSeconds: number
    readonly seconds: number
  }
  readonly largeIndex: {
    readonly rowCount: number
    /** As it is in the name of the row: other sizes are other rows. */
    readonly rowsName: string
    /** Of each of the two zones, in turn. */
    readonly windows: number
    readonly warmUpSeconds: number
    readonly seconds: number
  }
  readonly restart: {
    readonly extentCount: number
    /** Starts of each of the two disks, in turn. */
    readonly rounds: number
  }
}

const FULL: SpecialPlan = {
  overload: { rounds: 2, peakSeconds: 6, warmUpSeconds: 2, seconds: 12 },
  largeIndex: { rowCount: 1_000_000, rowsName: '1 M', windows: 3, warmUpSeconds: 2, seconds: 8 },
  restart: { extentCount: 100, rounds: 5 },
}

/** Rows of other sizes have other names, so that nobody takes them for those of the table. */
const QUICK: SpecialPlan = {
  overload: { rounds: 1, peakSeconds: 2, warmUpSeconds: 1, seconds: 4 },
  largeIndex: { rowCount: 100_000, rowsName: '100 k', windows: 1, warmUpSeconds: 1, seconds: 2 },
  restart: { extentCount: 20, rounds: 2 },
}

export function planSpecial(isQuick: boolean): SpecialPlan {
  return isQuick ? QUICK : FULL
}

/** Operations a second. */
export function rateOf({ operations, seconds }: Sample): number {
  return operations / seconds
}

/** A sample of the load, as one of several runs of a special row. */
export function asSpecial(sample: Sample, run: number): Sample {
  return { ...sample, part: 'special', run }
}
