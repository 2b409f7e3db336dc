/** `pnpm bench`: the part `load`, whose samples are told and not kept. */
import { runLoad } from './load/run-load.ts'
import type { BenchOptions } from './options.ts'
import { CACHE } from './results.ts'

export async function runBench(options: BenchOptions, tell: (line: string) => void): Promise<void> {
  await runLoad({
    isQuick: options.extent === 'quick',
    cacheFolder: CACHE,
    profileFolder: options.profileFolder,
    wants: (row) => row.includes(options.only),
    keep: () => undefined,
    skip: () => undefined,
    tell,
  })
}
