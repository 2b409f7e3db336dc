/** `pnpm bench --memory`: what frontends and storage nodes have resident while they are busy. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchOptions } from '../options.ts'
import { describeEnvironment } from '../results/describe-environment.ts'
import { CACHE, RESULTS } from '../results/folders.ts'
import { judgeMemory, toMib } from './judge-memory.ts'
import { measureMemory, type MemoryResult } from './measure-memory.ts'
import { planMemoryLoads } from './memory-loads.ts'

/** Whether all promises were kept. */
export async function runMemoryBench(
  options: BenchOptions,
  tell: (line: string) => void,
): Promise<boolean> {
  mkdirSync(CACHE, { recursive: true })
  const machine = describeEnvironment(CACHE)
  tell(`${machine.processors} × ${machine.model}, Node ${machine.node}, commit ${machine.commit}`)
  if (machine.loadBefore > 0.5) tell(`the machine is busy (load ${machine.loadBefore.toFixed(1)})`)
  if (!options.hasCgroups) tell('without memory cgroups, as asked: oom_kill is not shown')
  const results: MemoryResult[] = []
  for (const load of planMemoryLoads(options.extent)) {
    const dataDir = join(CACHE, `bench-memory-${process.pid}`)
    const quiet = (): void => undefined
    const { hasCgroups } = options
    const result = await measureMemory(load, { dataDir, hasCgroups, tell: quiet })
    results.push(result)
    for (const line of describe(result)) tell(line)
  }
  const verdicts = judgeMemory(results)
  tell('')
  for (const { isKept, text } of verdicts) tell(`${isKept ? 'kept  ' : 'MISSED'}  ${text}`)
  const takenAt = new Date().toISOString()
  tell(`written to ${writeMemory({ takenAt, machine, results, verdicts }, options)}`)
  return verdicts.every(({ isKept }) => isKept)
}

function describe(result: MemoryResult): string[] {
  const { name, seconds, mibPerSecond, putCount, gotCount, refusals } = result
  const oomKills = result.oomKillCount === undefined ? '' : `, oom_kill ${result.oomKillCount}`
  const codes = Object.entries(refusals).map(([code, count]) => `${code} × ${count}`)
  const blocks = `${putCount} blocks put, ${gotCount} got`
  return [
    `\n${name}, ${seconds} s: ${mibPerSecond.toFixed(0)} MiB/s, ${blocks}${oomKills}`,
    ...(codes.length === 0 ? [] : [`  given up or cut off: ${codes.join(', ')}`]),
    ...result.processes.map(
      (each) =>
        `  ${each.name}: peak ${toMib(each.peakBytes)} MiB, end ${toMib(each.endBytes)} MiB`,
    ),
  ]
}

/** The path of the file. */
function writeMemory(
  results: Readonly<Record<string, unknown>> & { readonly takenAt: string },
  { extent }: Pick<BenchOptions, 'extent'>,
): string {
  mkdirSync(RESULTS, { recursive: true })
  const stamp = results.takenAt.replaceAll(/[:.]/g, '-')
  const path = join(RESULTS, `${stamp}-memory-${extent}.json`)
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`)
  return path
}
