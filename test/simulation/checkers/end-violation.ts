/** What a checker of the end of a life has found. */
export interface EndViolation {
  readonly kind: 'lost' | 'untold' | 'replicas' | 'damage' | 'bytes' | 'leak'
  readonly message: string
  readonly key?: number
}

/**
 * Disks that a fault of the plan may have destroyed, at most one of those that keep a volume. What
 * they lack is excused as long as nobody could have noticed: nothing on any other disk is.
 */
export interface Excused {
  /** What nobody can miss before the volume is closed: acknowledged records of an open one. */
  readonly openOn: ReadonlySet<string>
  /** What the scrubber finds: empty once it has been over everything. */
  readonly closedOn: ReadonlySet<string>
}

export const NOTHING_EXCUSED: Excused = { openOn: new Set(), closedOn: new Set() }
