/** The series of `power-series.ts` as tests, one for each kind of cut. */
import type { Device, FileSystem } from '@kura/testkit'
import { expect } from 'vitest'
import type { Capability } from './capabilities.ts'
import { faultTest } from './fault-test.ts'
import { PowerSeries, type PowerRound } from './power-series.ts'
import { withStores } from './with-stores.ts'

interface CutKind {
  readonly fileSystem: FileSystem
  readonly device: Device
  readonly needs: readonly Capability[]
  readonly what: string
}

const KINDS: readonly CutKind[] = [
  { fileSystem: 'ext4', device: 'file', needs: ['ext4'], what: 'of ext4 by the shutdown ioctl' },
  { fileSystem: 'xfs', device: 'file', needs: ['xfs'], what: 'of XFS by the shutdown ioctl' },
  {
    fileSystem: 'ext4',
    device: 'fault-disk',
    needs: ['ext4', 'fault-disk'],
    what: 'of a disk under ext4, with its cache',
  },
  {
    fileSystem: 'xfs',
    device: 'fault-disk',
    needs: ['xfs', 'fault-disk'],
    what: 'of a disk under XFS, with its cache',
  },
]
const CLIENT_COUNT = 16
const ROUND_TIMEOUT_MS = 20_000

/** `KURA_POWER_CUTS` makes another number of cuts. */
export function describePowerCuts(options: { readonly cutsPerKind: number }): void {
  const cutsPerKind = Number(process.env['KURA_POWER_CUTS'] ?? options.cutsPerKind)
  for (const kind of KINDS) {
    const name = `${cutsPerKind} power cuts ${kind.what} lose nothing that was acknowledged`
    const timeoutMs = cutsPerKind * ROUND_TIMEOUT_MS
    faultTest(name, { needs: kind.needs, timeoutMs }, async () => {
      await runSeries(kind, cutsPerKind)
    })
  }
}

async function runSeries(kind: CutKind, cutCount: number): Promise<void> {
  const seed = Number(process.env['KURA_POWER_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
  await withStores({ ...kind, separateIndex: true }, async (stores) => {
    const series = new PowerSeries({ ...stores, seed })
    try {
      await series.run(cutCount)
    } catch (error) {
      throw new Error(`KURA_POWER_SEED=${seed}, cut ${series.rounds.length + 1}`, { cause: error })
    }
    report(kind, series.rounds)
    expectHardCuts(series.rounds, cutCount)
  })
}

/** A cut between two puts would prove little: most must come into the middle of many. */
function expectHardCuts(rounds: readonly PowerRound[], cutCount: number): void {
  const counted = rounds.filter((round) => round.isControlGone)
  expect(counted.length, 'cuts that an unsynced file did not survive').toBe(cutCount)
  const hard = counted.filter((round) => round.inFlight === CLIENT_COUNT && round.unanswered > 0)
  const message = 'cuts with 16 puts under way of which one at least was never answered'
  expect(hard.length, message).toBeGreaterThanOrEqual(cutCount / 2)
}

function report(kind: CutKind, rounds: readonly PowerRound[]): void {
  const acknowledged = rounds.reduce((sum, round) => sum + round.acknowledged, 0)
  const unanswered = rounds.reduce((sum, round) => sum + round.unanswered, 0)
  const full = rounds.filter((round) => round.inFlight === CLIENT_COUNT && round.unanswered > 0)
  const cuts = `${rounds.length} cuts ${kind.what}`
  const puts = `${acknowledged} puts acknowledged, ${unanswered} never answered`
  process.stdout.write(`${cuts}: ${puts}; ${full.length} cuts came into 16 puts under way\n`)
}
