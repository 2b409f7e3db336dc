/** The kills of `run-mark-kills.ts` as tests. */
import { temporaryDirectory, SeededRandom } from '@kura/testkit'
import { expect, it } from 'vitest'
import { BlockIndexLife } from './block-index-life.ts'
import { FrontendLife } from './frontend-life.ts'
import { KillTally } from './kill-tally.ts'
import { runMarkKills, type MarkedService } from './run-mark-kills.ts'
import { StorageNodeLife } from './storage-node-life.ts'
import { VolumeManagerLife } from './volume-manager-life.ts'

const TEST_TIMEOUT_MS = 900_000
/**
 * Of a store that lives alone: three times what a calm machine takes. The fastest cycle is held to
 * it, because the others tell as much of what else the machine had to do.
 */
const STORE_CYCLE_MS_MAX = 1_500

export interface MarkKillRounds {
  /** Kills at each mark. */
  readonly rounds: number
  /** Of the first round; the others count on. */
  readonly seed: number
}

/** The two that keep blocks and rows, each alone, on a new directory for each round. */
export function describeStoreKills({ rounds, seed }: MarkKillRounds): void {
  describeKills(
    'a storage node',
    async (tally) => {
      for (let round = 0; round < rounds; round += 1) {
        await using directory = await temporaryDirectory()
        const service = await StorageNodeLife.initialise(directory.path)
        await tally(service, { rounds: 1, seed: seed + round })
      }
    },
    STORE_CYCLE_MS_MAX,
  )
  describeKills(
    'the block index',
    async (tally) => {
      for (let round = 0; round < rounds; round += 1) {
        await using directory = await temporaryDirectory()
        const service = BlockIndexLife.initialise(directory.path)
        await tally(service, { rounds: 1, seed: seed + round })
      }
    },
    STORE_CYCLE_MS_MAX,
  )
}

/** The two whose work takes a whole zone, which lives through all rounds. */
export function describeZoneKills(rounds: MarkKillRounds): void {
  describeKills('the frontend of a zone', async (tally) => {
    await tally(await FrontendLife.start(), rounds)
  })
  describeKills('the volume manager of a zone', async (tally) => {
    await tally(await VolumeManagerLife.start(), rounds)
  })
}

type TallyKills = (service: MarkedService, rounds: MarkKillRounds) => Promise<void>

function describeKills(
  name: string,
  kill: (tally: TallyKills) => Promise<void>,
  cycleMsMax = Infinity,
): void {
  const sentence = `SIGKILL of ${name} at each of its marks loses nothing and serves nothing wrong`
  it(sentence, { timeout: TEST_TIMEOUT_MS }, async () => {
    let kills: KillTally | undefined
    let asked = 0
    await kill(async (service, { rounds, seed }) => {
      kills ??= new KillTally(service.marks)
      asked += rounds
      try {
        await runMarkKills(service, { rounds, random: new SeededRandom(seed), tally: kills })
      } finally {
        await service.end()
      }
    })
    process.stdout.write(`${kills?.describe()}\n`)
    expect(asked).toBeGreaterThan(0)
    expect(kills?.short(asked), 'marks with fewer kills than asked for').toEqual([])
    expect(kills?.fastestCycleMs).toBeLessThan(cycleMsMax)
  })
}
