/**
 * The folder of a local zone and its birth. `GENESIS` is written before the first store is made and
 * `ZONE` after the last one, so that a folder says whether its zone is whole. No service has run
 * before `ZONE` is there, so a half-made zone holds nothing and its genesis is simply finished.
 */
import { execFile } from 'node:child_process'
import { open, readdir, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { KuraError } from '@kura/core'
import { makeDirectoryDurably } from '@kura/database'
import { programOf } from './repository.ts'
import { POCKET, ZONE } from './zone-plan.ts'

const FORMAT_VERSION = 1
/** Programs that make their stores at the same time. */
const PARALLEL_GENESES = 3
const GENESIS_TIMEOUT_MS = 60_000
/** What may be there before the birth: disks are mounted below it. */
const OWN_FILE = /^(LOCK|log|config|disks|cell-\d+|demo-.*)$/

export interface ZoneRecord {
  readonly formatVersion: number
  readonly pocket: string
  readonly zone: string
  readonly cells: number
  readonly nodes: number
  /** Whether storage nodes are on disks whose power can be cut; zones from before have none. */
  readonly powerCutDisks?: boolean
}

/** The zone that lives in `folder`; undefined where none was ever finished. */
export async function readZoneRecord(folder: string): Promise<ZoneRecord | undefined> {
  const text = await readIfThere(join(folder, 'ZONE'))
  if (text === undefined) return undefined
  const record: unknown = JSON.parse(text)
  if (!isZoneRecord(record) || record.formatVersion !== FORMAT_VERSION) {
    throw new KuraError('format-invalid', `${folder}/ZONE is not of a zone this version knows`)
  }
  return record
}

/** Throws `state-conflict` where `folder` holds something else than a zone. */
export async function refuseForeignFolder(folder: string): Promise<void> {
  const names = await readdir(folder)
  if (names.includes('GENESIS') || names.includes('ZONE')) return
  const foreign = names.filter((name) => !OWN_FILE.test(name))
  if (foreign.length === 0) return
  throw new KuraError('state-conflict', `${folder} has files and is not a zone: ${foreign[0]}`, {
    hint: 'choose an empty or a new folder with --data',
  })
}

/** One `init`, with the settings that `serve` will have. */
export interface GenesisStep {
  readonly name: string
  readonly kind: string
  /** Relative to the zone's folder. */
  readonly folder: string
  readonly settingsPath: string
  readonly environment: NodeJS.ProcessEnv
}

/** Makes every store that is not there yet. Durable: the stores, then the record of the zone. */
export async function makeZone(
  folder: string,
  shape: Pick<ZoneRecord, 'cells' | 'nodes' | 'powerCutDisks'>,
  steps: readonly GenesisStep[],
): Promise<void> {
  const record = { formatVersion: FORMAT_VERSION, pocket: POCKET, zone: ZONE, ...shape }
  await writeDurably(folder, 'GENESIS', `${JSON.stringify(record)}\n`)
  const waiting = [...steps]
  const worker = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      makeDirectoryDurably(dirname(join(folder, step.folder)))
      await runGenesis(step)
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_GENESES }, worker))
  await writeDurably(folder, 'ZONE', `${JSON.stringify(record)}\n`)
}

async function runGenesis(step: GenesisStep): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  execFile(
    process.execPath,
    [programOf(step.kind), 'init', '--config', step.settingsPath],
    { env: step.environment, timeout: GENESIS_TIMEOUT_MS },
    (error, stdout, stderr) => {
      const exit = `exit code ${error?.code}, signal ${error?.signal}`
      resolve(error === null ? undefined : stderr.trim() || stdout.trim() || exit)
    },
  )
  const problem = await promise
  // The code in the program's one line: an earlier genesis got as far as this store.
  if (problem === undefined || problem.includes('(already-initialised)')) return
  throw new KuraError('genesis-missing', `the genesis of ${step.name} failed: ${problem}`, {
    hint: 'nothing was stored yet: remove the folder, or start again to finish it',
  })
}

/** Durable: bytes and directory entry. */
export async function writeDurably(folder: string, name: string, text: string): Promise<void> {
  const temporary = join(folder, `${name}.new`)
  const file = await open(temporary, 'w')
  try {
    await file.writeFile(text)
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(temporary, join(folder, name))
  const directory = await open(folder, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function isZoneRecord(value: unknown): value is ZoneRecord {
  if (typeof value !== 'object' || value === null) return false
  const fields = new Map(Object.entries(value))
  const areNumbers = ['formatVersion', 'cells', 'nodes'].every((name) =>
    Number.isInteger(fields.get(name)),
  )
  return areNumbers && ['pocket', 'zone'].every((name) => typeof fields.get(name) === 'string')
}
