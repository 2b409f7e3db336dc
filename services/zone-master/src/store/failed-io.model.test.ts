/** Goal and method: `check-store-io.ts` of the test kit. */
import { join } from 'node:path'
import { promisedCount, runWithWatchedIo, type StoreIoCounts } from '@kura/testkit'
import { expect, it } from 'vitest'

const PROGRAM = join(import.meta.dirname, '../testing/zone-registry-io.ts')

it(
  'whichever call fails, wherever the power is cut: the zone registry is as before or after',
  { timeout: 600_000 },
  async () => {
    const counts = JSON.parse(await runWithWatchedIo(PROGRAM)) as StoreIoCounts
    process.stdout.write(`failed I/O of the zone registry: ${JSON.stringify(counts)}\n`)
    expect(counts.operations).toBeGreaterThan(4)
    expect(counts.faults).toBeGreaterThanOrEqual(promisedCount('failed calls of a database'))
    expect(counts.powerCuts).toBeGreaterThanOrEqual(promisedCount('power cuts of a database'))
  },
)
