/**
 * Goal: no order of orders, faults and crashes loses an acknowledged record, serves wrong bytes, or
 * lets an error out that is not one of ours.
 *
 * Method: fast-check runs random commands on a store and on the model of `extent-model.ts`, which
 * is little more than the list of what was answered; they are compared after each start. Without
 * faults every call must do what the model says; with faults it may fail, but not lie. A failure is
 * shrunk and told with its seed and path. Sequences that failed once are kept in
 * `test/regressions/extent-store` and run first.
 */
import { join } from 'node:path'
import { MemoryDisk, promisedCount, readFailingPlans } from '@kura/testkit'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { FOREGROUND, initialise, openStore } from './store-fixture.ts'
import { ExtentModel } from './testing/extent-model.ts'
import {
  commandCounts,
  parseCommand,
  startAgain,
  storeCommands,
  type Expectation,
  type LivingStore,
  type StoreCommand,
} from './testing/store-commands.ts'

const RUNS = process.env['KURA_MODEL_EFFORT'] === 'long' ? 600 : promisedCount('lives of a store')
const SEED = Number(process.env['KURA_MODEL_SEED'] ?? 1)
let sequenceCount = 0

const PLANS = join(import.meta.dirname, '../../../test/regressions/extent-store')

async function live(commands: Iterable<StoreCommand>): Promise<void> {
  sequenceCount += 1
  const disk = await initialise(new MemoryDisk())
  const life: LivingStore = { disk, store: (await openStore(disk)).store }
  const expectation: Expectation = {
    extents: new ExtentModel(),
    open: new Set(),
    isFaulty: false,
  }
  await fc.asyncModelRun(() => ({ model: expectation, real: life }), commands)
  const last = life.disk.crash()
  await life.store.close().catch(() => undefined)
  await startAgain(expectation, life, last)
  await life.store.close()
  expect(FOREGROUND.usedCount).toBe(0)
}

it.each(readFailingPlans(PLANS))('it failed once: $bug', async ({ plan }) => {
  await live(plan.map(parseCommand))
})

it.each([
  { title: 'without faults', withFaults: false },
  { title: 'with faults', withFaults: true },
])('random lives keep every promise, $title', { timeout: 3_600_000 }, async ({ withFaults }) => {
  const commands = storeCommands({ withFaults, countMax: 60 })
  const property = fc.asyncProperty(commands, live)
  await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: false })
})

afterAll(() => {
  const counts = [...commandCounts].map(([kind, count]) => `${kind} ${count}`).sort()
  const total = [...commandCounts.values()].reduce((sum, count) => sum + count, 0)
  process.stdout.write(
    `model of the extent store: ${sequenceCount} sequences, ${total} commands ` +
      `(${counts.join(', ')}), seed ${SEED}\n`,
  )
})
