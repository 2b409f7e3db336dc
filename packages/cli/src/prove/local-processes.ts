/**
 * The processes of a local zone that may be killed: those that its launcher lists in
 * `processes.json`, and no others. A signal goes to a process only after a look whether it is still
 * the one listed: id, time of its start, and boot of the machine.
 */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KuraError } from '@kura/core'

const LIST = 'processes.json'
/** In proc(5), of the fields behind the program's name. */
const STATE_INDEX = 0
const START_TIME_INDEX = 19
/** Process 0 is everybody, process 1 the machine. */
const PID_MIN = 2

export interface ProcessIdentity {
  readonly pid: number
  readonly startedAtTicks: number
}

export interface ListedProcess extends ProcessIdentity {
  readonly name: string
  readonly kind: string
  /** `host:port` of `/readyz`. */
  readonly adminAddress: string
}

export interface LocalProcesses {
  readonly services: readonly ListedProcess[]
  /** Where its zone master listens for operators. */
  readonly zoneMaster: string
  /** Socket where power cuts are asked for; undefined where the disks have no power to cut. */
  readonly control: string | undefined
}

/** Throws `setting-invalid` where no launcher has a zone running in `folder`. */
export async function readLocalProcesses(folder: string): Promise<LocalProcesses> {
  const list = parseList(await readFile(join(folder, LIST), 'utf8').catch(() => ''))
  const isRunning = list !== undefined && (await isThere(list.launcher, list.bootId))
  if (list === undefined || !isRunning) {
    throw new KuraError('setting-invalid', `no local zone runs in ${folder}`, {
      hint: 'name the data folder of npm start: .kura, or what --data said',
    })
  }
  const { services, control, zoneMaster } = list
  return { services, control, zoneMaster }
}

/** Sends the signal; false where the process listed is no more. */
export async function signalListed(
  folder: string,
  process_: ListedProcess,
  signal: 'SIGKILL' | 'SIGSTOP',
): Promise<boolean> {
  const list = parseList(await readFile(join(folder, LIST), 'utf8').catch(() => ''))
  const isListed = list?.services.some((each) => isSame(each, process_)) === true
  if (list === undefined || !isListed || !(await isThere(process_, list.bootId))) return false
  process.kill(process_.pid, signal)
  return true
}

/**
 * Lets a process go on that `signalListed` has stopped, at once, whatever became of its launcher.
 * Nothing happens where it has ended.
 */
export function resumeStopped({ pid, startedAtTicks }: ProcessIdentity): void {
  try {
    const fields = fieldsOfStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    if (Number(fields[START_TIME_INDEX]) === startedAtTicks) process.kill(pid, 'SIGCONT')
  } catch {
    // It has ended just now.
  }
}

export function isSame(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return one.pid === other.pid && one.startedAtTicks === other.startedAtTicks
}

/** Whether this very process lives, in this boot. */
async function isThere({ pid, startedAtTicks }: ProcessIdentity, bootId: string): Promise<boolean> {
  if (pid < PID_MIN || pid === process.pid) return false
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = fieldsOfStat(text)
  const isAlive = fields[STATE_INDEX] !== 'Z' && Number(fields[START_TIME_INDEX]) === startedAtTicks
  return isAlive && boot.trim() === bootId
}

/** As in proc(5), behind the program's name. */
function fieldsOfStat(text: string): readonly string[] {
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

interface ProcessList extends LocalProcesses {
  readonly bootId: string
  readonly launcher: ProcessIdentity
}

/** Undefined for what the launcher has not written. */
function parseList(text: string): ProcessList | undefined {
  const list = fieldsOf(parseJson(text))
  const [bootId, zoneMaster] = [list.get('bootId'), list.get('zoneMaster')]
  const [control, services] = [list.get('control'), list.get('services')]
  const identity = parseIdentity(list.get('launcher'))
  const isWhole = typeof bootId === 'string' && typeof zoneMaster === 'string'
  if (!isWhole || identity === undefined || !Array.isArray(services)) return undefined
  return {
    bootId,
    zoneMaster,
    launcher: identity,
    control: typeof control === 'string' ? control : undefined,
    services: services.flatMap((service) => parseService(service) ?? []),
  }
}

function parseService(value: unknown): ListedProcess | undefined {
  const identity = parseIdentity(value)
  const fields = fieldsOf(value)
  const texts = ['name', 'kind', 'adminAddress'].map((name) => fields.get(name))
  const [name, kind, adminAddress] = texts.filter((text) => typeof text === 'string')
  if (identity === undefined || name === undefined || kind === undefined) return undefined
  return adminAddress === undefined ? undefined : { ...identity, name, kind, adminAddress }
}

function parseIdentity(value: unknown): ProcessIdentity | undefined {
  const fields = fieldsOf(value)
  const [pid, startedAtTicks] = [Number(fields.get('pid')), Number(fields.get('startedAtTicks'))]
  const isWhole = Number.isInteger(pid) && Number.isInteger(startedAtTicks)
  return isWhole ? { pid, startedAtTicks } : undefined
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null) return new Map()
  return new Map(Object.entries(value))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
