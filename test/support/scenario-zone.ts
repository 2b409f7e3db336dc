/** A zone for a test: free ports, a folder of its own that goes when the test ends well. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalZone, type LocalZoneOptions } from '@kura/local'

export interface ScenarioZone extends AsyncDisposable {
  readonly zone: LocalZone
  /** What the launcher said, to print when something fails. */
  readonly said: readonly string[]
}

export async function startScenarioZone(
  options: Omit<LocalZoneOptions, 'dataDir' | 'portBase' | 'tell'> = {},
): Promise<ScenarioZone> {
  const dataDir = await mkdtemp(join(tmpdir(), 'kura-scenario-'))
  const said: string[] = []
  const zone = await LocalZone.start({
    bucketSizeBytes: 32 * 1024 * 1024,
    ...options,
    dataDir,
    portBase: 0,
    tell: (line) => said.push(line),
  })
  return {
    zone,
    said,
    async [Symbol.asyncDispose]() {
      const killed = await zone.stop()
      await rm(dataDir, { recursive: true, force: true })
      if (killed.length > 0) throw new Error(`did not stop in time: ${killed.join(', ')}`)
    },
  }
}
