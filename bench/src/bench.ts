/** All rows, one after the other, against one new zone of real processes. */
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { KuraError } from '@kura/core'
import { LocalZone } from '@kura/local'
import { describeMachine } from './machine.ts'
import { measureRow, type RowResult } from './measure-row.ts'
import type { BenchOptions } from './options.ts'
import { formatReport, nameRow } from './report.ts'
import { CACHE, REPOSITORY, writeResults } from './results.ts'
import { planRows } from './rows.ts'

export async function runBench(
  options: BenchOptions,
  tell: (line: string) => void,
): Promise<readonly RowResult[]> {
  const names = planRows(options.extent).map(nameRow)
  if (!names.some((name) => name.includes(options.only))) {
    throw new KuraError('invalid-argument', `no row has "${options.only}" in its name`, {
      hint: `there are ${names.join(', ')}`,
    })
  }
  const machine = describeMachine(REPOSITORY)
  tell(`${machine.processors} × ${machine.model}, Node ${machine.node}, commit ${machine.commit}`)
  if (machine.loadBefore > 0.5) tell(`the machine is busy (load ${machine.loadBefore.toFixed(1)})`)
  const rows = await withZone(options, tell, (zone) => measureAll(zone, options, tell))
  tell(`\n${formatReport(rows)}\n`)
  const takenAt = new Date().toISOString()
  const path = await writeResults({ takenAt, machine, rows }, options.extent)
  tell(`written to ${path}`)
  return rows
}

async function measureAll(
  zone: LocalZone,
  options: BenchOptions,
  tell: (line: string) => void,
): Promise<readonly RowResult[]> {
  const rows: RowResult[] = []
  const nodeOptions = profileOptions(options)
  const stored = new Map<number, readonly string[]>()
  for (const load of planRows(options.extent)) {
    if (!isWanted(nameRow(load), options.only)) continue
    const known = stored.get(load.sizeBytes) ?? []
    const { result, hashes } = await measureRow(zone, load, { hashes: known, nodeOptions })
    if (load.operation === 'put' && hashes.length > 0) stored.set(load.sizeBytes, hashes)
    if (nameRow(load).includes(options.only)) rows.push(result)
    tell(`${nameRow(load)}: ${result.mibPerSecond.toFixed(0)} MiB/s`)
  }
  return rows
}

/** A get needs the put before it, also where only the get is asked for. */
function isWanted(name: string, only: string): boolean {
  return name.includes(only) || name.replace('put', 'get').includes(only)
}

async function withZone<T>(
  options: BenchOptions,
  tell: (line: string) => void,
  work: (zone: LocalZone) => Promise<T>,
): Promise<T> {
  const dataDir = join(CACHE, `bench-zone-${process.pid}`)
  await mkdir(dataDir, { recursive: true })
  const environment = { NODE_OPTIONS: profileOptions(options).join(' ') }
  try {
    await using zone = await LocalZone.start({
      dataDir,
      portBase: 0,
      restarts: false,
      tell,
      ...(options.profileFolder === undefined ? {} : { environment: forAllKinds(environment) }),
    })
    return await work(zone)
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

const KINDS = ['frontend', 'storage-node', 'block-index', 'volume-manager', 'zone-master']

function forAllKinds<T>(value: T): Readonly<Record<string, T>> {
  return Object.fromEntries(KINDS.map((kind) => [kind, value]))
}

function profileOptions({ profileFolder }: BenchOptions): readonly string[] {
  return profileFolder === undefined
    ? []
    : ['--cpu-prof', `--cpu-prof-dir=${resolve(profileFolder)}`]
}
