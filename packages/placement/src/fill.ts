/**
 * A volume this full is closed as soon as it has a successor, and gets puts only where no other can
 * take them: each extent keeps room for what closing may add, so an append would soon be refused.
 */
export const FULL_AT_FILL_PERCENT = 85

/** 0…100. */
export function fillPercentOf(volume: {
  readonly usedBytes: number
  readonly capacityBytes: number
}): number {
  return (100 * volume.usedBytes) / volume.capacityBytes
}
