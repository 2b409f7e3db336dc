/** The rows of the benchmark. A get reads what the put before it has stored. */
import { KIB, MIB } from '@kura/core'
import type { Door, Load } from './load.ts'

/** Blocks per row. Quick is for a look, not for a record. */
const COUNTS = {
  full: { large: { one: 128, many: 384 }, small: { one: 2_000, many: 8_000 } },
  quick: { large: { one: 24, many: 96 }, small: { one: 300, many: 1_600 } },
} as const

export type Extent = keyof typeof COUNTS

const MANY = 16
const WARM_UP_SHARE = 0.1

export function planRows(extent: Extent): readonly Load[] {
  const { large, small } = COUNTS[extent]
  return [
    ...putAndGet({ door: 'client', sizeBytes: 4 * MIB, clients: 1, blockCount: large.one }),
    ...putAndGet({ door: 'client', sizeBytes: 4 * MIB, clients: MANY, blockCount: large.many }),
    ...putAndGet({ door: 'client', sizeBytes: 64 * KIB, clients: 1, blockCount: small.one }),
    ...putAndGet({ door: 'client', sizeBytes: 64 * KIB, clients: MANY, blockCount: small.many }),
    ...putAndGet({ door: 'http', sizeBytes: 4 * MIB, clients: MANY, blockCount: large.one }),
  ]
}

function putAndGet(row: {
  readonly door: Door
  readonly sizeBytes: number
  readonly clients: number
  readonly blockCount: number
}): readonly Load[] {
  const warmUpCount = Math.max(row.clients, Math.round(row.blockCount * WARM_UP_SHARE))
  return [
    { ...row, operation: 'put', warmUpCount },
    { ...row, operation: 'get', warmUpCount },
  ]
}
