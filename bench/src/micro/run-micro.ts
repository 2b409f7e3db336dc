/** Part `micro`: the pieces of the data path, each on its own. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { nameZoneFolder, removeLeftovers } from '../load/remove-leftovers.ts'
import type { RunPart } from '../part.ts'
import { measureExtents } from './extent-rows.ts'
import { measureHashes } from './hashes.ts'
import { measureHops } from './hop-rows.ts'
import { measureIndex } from './index-rows.ts'
import { planMicro } from './micro.ts'

const SERIAL = 1

export const runMicro: RunPart = async (context) => {
  const plan = planMicro(context.isQuick)
  await removeLeftovers(context.cacheFolder)
  const folder = join(context.cacheFolder, nameZoneFolder(SERIAL))
  await mkdir(folder, { recursive: true })
  try {
    await measureHashes(context, plan)
    await measureHops(context, plan)
    await measureExtents(context, plan, folder)
    await measureIndex(context, plan, folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
