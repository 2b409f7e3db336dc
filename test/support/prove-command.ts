/** `kura prove` as an operator runs it, ended as soon as it has done enough. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LocalZone } from '@kura/local'
import { expect } from 'vitest'
import { startKura, type EndedCommand, type RunningCommand } from './kura-command.ts'

/** Far more than any test waits for: the test interrupts it. */
const FOR = '30m'
const PATIENCE_MS = 120_000
const POLL_MS = 100
const SAME_WISH_MS = 50

export interface ProofReport {
  readonly verdict: string
  readonly reasons: readonly string[]
  readonly written: number
  readonly writtenBytes: number
  readonly copiesRight: number
  readonly copiesDamaged: number
  readonly copiesMissing: number
  readonly copiesUnreachable: number
  readonly kills: number
  readonly cuts: number
  readonly lost: number
  readonly wrong: number
  readonly denied: number
  readonly lostBlocks: readonly string[]
  readonly wrongBlocks: readonly string[]
}

export function startProof(
  zone: Pick<LocalZone, 'dataDir'>,
  args: readonly string[],
): RunningCommand {
  return startKura(zone, ['prove', '--for', FOR, ...args])
}

/** Until the last line of progress has at least as much of each: `{ written: 1000, kills: 5 }`. */
export async function proofHas(
  proof: RunningCommand,
  wanted: Readonly<Record<string, number>>,
): Promise<void> {
  const options = { timeout: PATIENCE_MS, interval: POLL_MS }
  const missing = (): string[] => {
    const line = proof.said().trimEnd().split('\n').at(-1) ?? ''
    return Object.entries(wanted)
      .filter(([what, count]) => Number(new RegExp(` (\\d+) ${what}`).exec(line)?.[1] ?? 0) < count)
      .map(([what]) => `${what}: ${line}`)
  }
  await expect.poll(missing, options).toEqual([])
}

/** The end of a proof that was started with `--json`. */
export async function interruptProof(
  proof: RunningCommand,
): Promise<{ readonly ended: EndedCommand; readonly report: ProofReport }> {
  proof.signal('SIGINT')
  // As npm does, which passes on what the terminal has delivered already.
  await sleep(SAME_WISH_MS)
  proof.signal('SIGINT')
  const ended = await proof.ended
  expect(ended.out.toString(), ended.err).toMatch(/^\{.*\}\n$/)
  return { ended, report: JSON.parse(ended.out.toString()) as ProofReport }
}
