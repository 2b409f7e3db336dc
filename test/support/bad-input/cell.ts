/** The table of bad input: its cells, one for each kind at each door. */
import type { TestBlock } from '../blocks.ts'

/** An extent of a storage node that takes records. */
export interface ExtentPlace {
  readonly pocket: string
  readonly zone: string
  readonly diskUuid: string
  readonly extentId: number
  readonly volumeId: number
}

/** One bad request: its number, and bytes that were never stored. */
export interface Attempt {
  readonly serial: number
  readonly block: TestBlock
  /** Another block that was never stored, for requests that lie. */
  readonly other: TestBlock
  /** A name of its kind, by which it competes with others for the buffers. */
  readonly clientName: string
  /** A block of the largest size that is stored. */
  readonly stored: TestBlock
  /** On the storage node that bad requests go to. */
  readonly extent: ExtentPlace
}

export interface BadInputCell {
  /** What is bad, e.g. `a wrong hash`. */
  readonly kind: string
  /** Makes one bad request; answers how it ended, in the words of its door. */
  readonly send: (address: string, attempt: Attempt) => Promise<string>
  /** Every way in which it may end; of a slow kind, some end in the first of them. */
  readonly answers: readonly string[]
  /**
   * Sends on behind the answer. Where its bytes stand still for longer than the server waits, as on
   * a machine that has too much to do, the connection is reset and the answer lost: of a thousand
   * few may be cut.
   */
  readonly sendsOn?: boolean
  /** Slow ones try the patience of the server; they run beside each other. */
  readonly isSlow?: boolean
  /** Each request holds a buffer until the server's patience ends: only so many find one. */
  readonly holdsBuffer?: boolean
  /** Bad requests that one attempt makes, for floods; 1 where it is not said. */
  readonly requestsEach?: number
}

export interface BadInputDoor {
  readonly name: string
  readonly cells: readonly BadInputCell[]
}

/** The connection ended without a whole answer. */
export const CUT = 'cut'
/** The caller went away and did not wait for an answer. */
export const LEFT = 'left'
/** Neither an answer nor an end: never right. */
export const SILENCE = 'silence'
