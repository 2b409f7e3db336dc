import { join } from 'node:path'
import { buildNative } from '@kura/testkit'

const SOURCE = join(import.meta.dirname, 'native/lost-sync.c')

/** Path of the library for LD_PRELOAD, built. */
export async function buildLostSync(): Promise<string> {
  return await buildNative(SOURCE, ['-shared', '-fPIC', '-ldl'])
}
