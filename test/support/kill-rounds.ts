/**
 * Goal: SIGKILL of any service, or of all at once, while 16 clients put, loses nothing that was
 * acknowledged and serves nothing wrong.
 *
 * Method: each round lets at least 50 puts be acknowledged, kills, and goes on until the launcher
 * has started the victim again and at least 50 more have been acknowledged. Then a new process
 * reads back, from the disks, everything of the round: acknowledged blocks must be there, blocks of
 * unknown outcome may.
 */
import { KuraClient } from '@kura/client'
import type { MemberKind } from '@kura/core'
import type { LocalService, LocalZone } from '@kura/local'
import {
  expectNothingLost,
  expectNothingWrong,
  expectNoThirdAnswer,
} from '../checkers/blocks-read-back.ts'
import { PutLoad } from './put-load.ts'
import { readBack } from './read-report.ts'

export type Victim = MemberKind | 'all'
export const VICTIMS: readonly Victim[] = [
  'frontend',
  'block-index',
  'zone-master',
  'volume-manager',
  'storage-node',
  'all',
]

const CLIENT_COUNT = 16
const ACKNOWLEDGED_EACH_SIDE = 50
const SIZES_BYTES = [3_000, 70_000, 4_096, 300_000, 1]

export interface RoundResult {
  readonly acknowledged: number
  readonly unknown: number
  readonly durationMs: number
}

export async function runKillRound(
  zone: LocalZone,
  options: { readonly victim: Victim; readonly round: number },
): Promise<RoundResult> {
  const startedAtMs = performance.now()
  const victims = chooseVictims(zone, options)
  const { pocket, block } = zone.endpoints
  const client = new KuraClient({ servers: [block], pocket, timeoutMs: 15_000 })
  const seed = `${options.victim}/${options.round}/${process.pid}/${startedAtMs}`
  const load = new PutLoad({ client, clientCount: CLIENT_COUNT, seed, sizesBytes: SIZES_BYTES })
  load.start()
  await load.acknowledgedMore(ACKNOWLEDGED_EACH_SIDE)
  await Promise.all(victims.map((service) => service.kill('SIGKILL')))
  await load.acknowledgedMore(ACKNOWLEDGED_EACH_SIDE)
  await Promise.all(victims.map((service) => service.waitReady()))
  await load.stop()
  await client.close()
  const report = await readBack(zone, load.acknowledged.union(load.unknown))
  expectNothingLost(report, load.acknowledged)
  expectNothingWrong(report)
  expectNoThirdAnswer(report)
  return {
    acknowledged: load.acknowledged.size,
    unknown: load.unknown.size,
    durationMs: performance.now() - startedAtMs,
  }
}

/** Storage nodes take turns. */
function chooseVictims(
  zone: LocalZone,
  { victim, round }: { readonly victim: Victim; readonly round: number },
): readonly LocalService[] {
  if (victim === 'all') return zone.services
  const ofKind = zone.services.filter((service) => service.kind === victim)
  const chosen = ofKind[round % ofKind.length]
  return chosen === undefined ? [] : [chosen]
}
