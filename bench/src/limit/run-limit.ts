/** Part `limit`: what blocks of 4 MiB cost at least on this machine, measured in this run. */
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { BLOCK_SIZE_BYTES_MAX, MIB } from '@kura/core'
import type { RunPart } from '../part.ts'
import { limitOfGets, limitOfPuts, type Primitives } from './limit.ts'
import { measurePrimitives } from './measure-primitives.ts'

const ROUNDS = { full: 5, quick: 2 }
const BLOCKS = { full: 200, quick: 50 }
const MIB_OF_BLOCK = BLOCK_SIZE_BYTES_MAX / MIB

export const runLimit: RunPart = async (context) => {
  if (!['limit put 4 MiB', 'limit get 4 MiB'].some((row) => context.wants(row))) return
  const extent = context.isQuick ? 'quick' : 'full'
  const folder = await mkdtemp(join(context.cacheFolder, 'bench-limit-'))
  try {
    for (let run = 1; run <= ROUNDS[extent]; run += 1) {
      const startedAtMs = performance.now()
      const primitives = await measurePrimitives({ folder, blockCount: BLOCKS[extent] })
      const seconds = (performance.now() - startedAtMs) / 1_000
      const cores = cpus().length
      const limits = {
        'limit put 4 MiB': limitOfPuts(primitives, cores),
        'limit get 4 MiB': limitOfGets(primitives, cores),
      }
      for (const [row, blocksPerSecond] of Object.entries(limits)) {
        const mibPerSecond = blocksPerSecond * MIB_OF_BLOCK
        context.keep({
          kind: 'sample',
          part: 'limit',
          row,
          system: 'machine',
          run,
          seconds,
          operations: 0,
          bytes: 0,
          processorSeconds: {},
          residentMib: {},
          figures: { mibPerSecond, cores, ...inMilliseconds(primitives) },
        })
        context.tell(`${row}, round ${run}: ${mibPerSecond.toFixed(0)} MiB/s`)
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Processor milliseconds for one block. */
function inMilliseconds(primitives: Primitives): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(primitives).map(([name, seconds]) => [`${name}Ms`, Number(seconds) * 1_000]),
  )
}
