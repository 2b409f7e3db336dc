/** Hash and checksum of blocks, on one thread. */
import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { KIB, MIB } from '@kura/core'
import { nameSize } from '../load/load.ts'
import type { PartContext } from '../part.ts'
import { measureRow, type MicroPlan } from './micro.ts'

const SIZES = [4 * MIB, 4 * KIB]
const FUNCTIONS = {
  'SHA-256': (bytes: Buffer) => void createHash('sha256').update(bytes).digest(),
  'CRC-32': (bytes: Buffer) => void crc32(bytes),
}

export async function measureHashes(context: PartContext, plan: MicroPlan): Promise<void> {
  for (const [name, compute] of Object.entries(FUNCTIONS)) {
    for (const sizeBytes of SIZES) await measureOne({ name, compute, sizeBytes }, context, plan)
  }
}

async function measureOne(
  one: {
    readonly name: string
    readonly compute: (bytes: Buffer) => void
    readonly sizeBytes: number
  },
  context: PartContext,
  { runs, seconds }: MicroPlan,
): Promise<void> {
  const { name, compute, sizeBytes } = one
  const row = `${name} ${nameSize(sizeBytes)}`
  if (!context.wants(row)) return
  const bytes = randomBytes(sizeBytes)
  const operates = [async () => compute(bytes)]
  for (let run = 1; run <= runs; run += 1) {
    await measureRow(context, { row, system: 'machine', run, sizeBytes, seconds, operates })
  }
}
