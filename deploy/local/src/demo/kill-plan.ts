/** When the demo strikes, and what it must see afterwards: pure arithmetic. */

/** Share of the bytes between which the kill happens. */
const SHARE_MIN = 0.3
const SHARE_MAX = 0.7
/** At this share the kill no longer waits for company. */
const SHARE_PATIENCE = 0.6
const IN_FLIGHT_MIN = 16
/** Blocks that must be acknowledged between the kill and the restart of the manager. */
const ACKNOWLEDGED_MIN = 100
/** Trees below this many blocks cannot keep so many puts in flight. */
const SMALL_TREE_BLOCKS = 100

export interface PutState {
  readonly bytesDone: number
  readonly bytesTotal: number
  readonly blocksDone: number
  readonly blocksTotal: number
  readonly putsInFlight: number
}

function shareDone(state: PutState): number {
  return state.bytesTotal === 0 ? 1 : state.bytesDone / state.bytesTotal
}

export function shouldKill(state: PutState): boolean {
  const share = shareDone(state)
  if (share < SHARE_MIN) return false
  const isLastMoment =
    share >= SHARE_PATIENCE || state.blocksTotal - state.blocksDone < IN_FLIGHT_MIN
  return state.putsInFlight >= IN_FLIGHT_MIN || isLastMoment
}

/** Why a kill in this state proves less than it should; undefined where it is as it should be. */
export function killWeakness(state: PutState): string | undefined {
  if (state.blocksTotal < SMALL_TREE_BLOCKS) return undefined
  const percent = Math.round(100 * shareDone(state))
  if (shareDone(state) > SHARE_MAX) return `the kill came after ${percent} % of the bytes`
  if (state.putsInFlight >= IN_FLIGHT_MIN) return undefined
  return `only ${state.putsInFlight} puts were in flight at the kill`
}

/** Blocks that must be acknowledged after a kill in this state and before the restart. */
export function acknowledgedNeeded(state: PutState): number {
  const remaining = state.blocksTotal - state.blocksDone
  return Math.min(ACKNOWLEDGED_MIN, Math.ceil(remaining / 2))
}
