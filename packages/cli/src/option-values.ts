/** Values of options, as people type them. Each throws what the command line reports. */
import { InvalidArgumentError } from 'commander'
import { BLOCK_SIZE_BYTES_MAX, GIB, KIB, MIB } from '@kura/core'
import { BLOCKS_PER_SECOND_MAX, PROOF_BLOCK_BYTES_MIN } from './prove/limits.ts'

const MS_OF: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 }
const BYTES_OF: Readonly<Record<string, number>> = { '': 1, kib: KIB, mib: MIB, gib: GIB }

/** For an option that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value]
}

export function parseCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count > 0) return count
  throw new InvalidArgumentError('a whole number above 0')
}

export function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (Number.isFinite(seconds) && seconds > 0) return seconds
  throw new InvalidArgumentError('a number of seconds above 0')
}

/** Milliseconds of `90s`, `10m`, `2h`. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,6}(?:\.\d{1,3})?)([smh])$/.exec(text)
  const durationMs = Number(match?.[1]) * (MS_OF[match?.[2] ?? ''] ?? Number.NaN)
  if (durationMs > 0) return durationMs
  throw new InvalidArgumentError('a time above 0: 90s, 10m, 2h')
}

/** Blocks a second. */
export function parseRate(text: string): number {
  const rate = parseCount(text)
  if (rate <= BLOCKS_PER_SECOND_MAX) return rate
  throw new InvalidArgumentError(`at most ${BLOCKS_PER_SECOND_MAX}`)
}

/** Bytes of a block: `4096`, `64KiB`, `4MiB`. */
export function parseSize(text: string): number {
  const match = /^(\d{1,9})\s*([kmg]ib)?$/i.exec(text)
  const sizeBytes = Number(match?.[1]) * (BYTES_OF[match?.[2]?.toLowerCase() ?? ''] ?? Number.NaN)
  if (sizeBytes >= PROOF_BLOCK_BYTES_MIN && sizeBytes <= BLOCK_SIZE_BYTES_MAX) return sizeBytes
  throw new InvalidArgumentError(`from ${PROOF_BLOCK_BYTES_MIN} bytes to 4MiB`)
}
