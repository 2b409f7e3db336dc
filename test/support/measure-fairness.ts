/** One client asks for ten times its share: what the others keep of what they had before. */
import type { LocalZone } from '@kura/local'
import { expect } from 'vitest'
import type { FairnessPlan, FairnessReport } from './fairness-program.ts'
import { storedBy } from './http-load.ts'
import { runProgram } from './run-program.ts'

export async function measureFairness(
  zone: LocalZone,
  plan: Omit<FairnessPlan, 'http'>,
): Promise<FairnessReport> {
  const argument: FairnessPlan = { http: zone.endpoints.http, ...plan }
  const args = [JSON.stringify(argument)]
  const report = (await runProgram('fairness-program.ts', { args })) as FairnessReport
  process.stdout.write(`fairness with ${plan.sizeBytes} bytes: ${JSON.stringify(report)}\n`)
  return report
}

/** By client, without the greedy one. */
export function keptShares({ whenEqual, besideGreedy }: FairnessReport): number[] {
  const clients = [...(whenEqual[0]?.keys() ?? [])]
  return clients
    .slice(1)
    .map((client) => storedBy(client, besideGreedy) / storedBy(client, whenEqual))
}

/** Who asks for too much is who is told so. */
export function expectRefusalsOfGreedy({ besideGreedy }: FairnessReport): void {
  const refusals = (client: number): number =>
    besideGreedy.reduce((sum, counts) => sum + (counts[client]?.['429'] ?? 0), 0)
  const [ofGreedy = 0, ...ofOthers] = [...(besideGreedy[0]?.keys() ?? [])].map(refusals)
  expect(ofGreedy).toBeGreaterThan(0)
  expect(Math.max(...ofOthers)).toBeLessThan(ofGreedy / 10)
}
