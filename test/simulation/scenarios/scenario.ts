/**
 * A zone for one interleaving: nothing is drawn, and what happens happens at marks and at messages,
 * not at times. Between two steps the zone lives until something is so.
 */
import { assert, isKuraError, toKuraError } from '@kura/core'
import { VolumeManager as VolumeManagerService, type CellStatus } from '@kura/proto'
import type { RpcClientOf } from '@kura/rpc'
import type { VolumeManager } from '@kura/volume-manager'
import {
  describeEntry,
  HistoryRecorder,
  keysThatStand,
  type HistoryEntry,
} from '../checkers/history.ts'
import { findHistoryViolation } from '../checkers/linearisable.ts'
import { Kernel } from '../kernel/kernel.ts'
import type { HeldWay, MessageHold } from '../network/message-holds.ts'
import { blockOfKey } from '../plan/blocks.ts'
import type { Operation, Plan, PowerCutMode, ProcessName, Topology } from '../plan/plan.ts'
import { DEFAULT_SETTINGS, type Settings } from '../plan/settings.ts'
import { Operator } from '../zone/operator.ts'
import { SimulatedZone } from '../zone/simulated-zone.ts'
import { READER, Workload } from '../zone/workload.ts'
import { MarkWatches } from './mark-watches.ts'
import {
  expectThreeCopies,
  inForce,
  readBucketOf,
  readVolumes,
  type StoredVolume,
} from './stored-zone.ts'

/** A scenario that needs more than this does not come to its end. */
const EVENTS_MAX = 400_000
const VIRTUAL_MS_MAX = 600_000
/** For one wait, unless it says otherwise. */
const WAIT_MS_MAX = 60_000
const LOOK_EVERY_MS = 100
/** A person looks for the new leader so often, and at this pace. */
const ASKS_MAX = 20
const ASK_PAUSE_MS = 500
/** The operator has looked anew at the latest after this. */
const OPERATOR_ROUND_MS = 6_000

const TOPOLOGY: Topology = {
  storageNodes: 6,
  racks: 6,
  frontends: 2,
  volumeManagers: 2,
  zoneMasters: 1,
}

export interface ScenarioOptions {
  readonly seed?: number
  readonly topology?: Partial<Topology>
  readonly settings?: Partial<Settings>
}

/** As the metrics of who answers name it. */
export interface AnsweredCall {
  readonly process: ProcessName
  readonly method: string
  readonly code: string
}

type Call<T> = (manager: RpcClientOf<typeof VolumeManagerService>) => Promise<T>

export class Scenario implements AsyncDisposable {
  readonly kernel: Kernel
  readonly zone: SimulatedZone
  readonly marks: MarkWatches
  readonly #history = new HistoryRecorder()
  readonly #workload: Workload
  readonly #operator: Operator
  readonly #manager: RpcClientOf<typeof VolumeManagerService>
  readonly #keys = new Set<number>()
  #bug: Error | undefined
  #lastOperation = 0

  private constructor({ seed = 1, topology = {}, settings = {} }: ScenarioOptions) {
    const plan: Plan = {
      seed,
      suite: 'survivable',
      topology: { ...TOPOLOGY, ...topology },
      settings: { ...DEFAULT_SETTINGS, ...settings },
      operations: [],
      faults: [],
      faultPhaseMs: 0,
      quietPhaseMsMax: 0,
    }
    this.kernel = new Kernel({ seed, eventsMax: EVENTS_MAX, virtualMsMax: VIRTUAL_MS_MAX })
    this.kernel.onBug((scope, error) => {
      this.#bug ??= new Error(`${scope.name} met a bug`, { cause: error })
    })
    this.zone = new SimulatedZone(plan, this.kernel)
    this.#workload = new Workload(this.zone, this.#history)
    this.#operator = new Operator(this.zone)
    this.#manager = this.#createManagerClient()
    this.marks = new MarkWatches(this.kernel)
  }

  /** A zone that is whole, with all its volumes open and nothing in them. */
  static async start(options: ScenarioOptions = {}): Promise<Scenario> {
    const scenario = new Scenario(options)
    await scenario.zone.initialise()
    scenario.zone.start()
    scenario.#operator.start()
    await scenario.until('a whole zone', () => scenario.zone.isWhole(scenario.#operator.status))
    return scenario
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.marks[Symbol.dispose]()
    this.#workload.close()
    this.zone.databases.close()
    await Promise.resolve()
  }

  /** Lives on until it is so, which is asked after each event; throws where that does not come. */
  async until(what: string, isSo: () => boolean, withinMs = WAIT_MS_MAX): Promise<void> {
    let isLate = false
    const cancel = this.kernel.schedule(this.kernel.world, withinMs, () => (isLate = true))
    const end = await this.kernel.run(() => isLate || this.#bug !== undefined || isSo())
    cancel()
    if (this.#bug !== undefined) throw this.#bug
    if (end !== 'done' || isLate) {
      throw new Error(`${what}: not within ${withinMs} ms (${end}); ${this.#describe()}`)
    }
  }

  /** As `until`, for what is read from the media: looks now and then. */
  async untilStored(what: string, isSo: () => boolean, withinMs = WAIT_MS_MAX): Promise<void> {
    let lookAtMs = this.kernel.nowMs
    const isSoNow = (): boolean => {
      if (this.kernel.nowMs < lookAtMs) return false
      lookAtMs = this.kernel.nowMs + LOOK_EVERY_MS
      return isSo()
    }
    await this.until(what, isSoNow, withinMs)
  }

  /** Lives on for a time, in which something does not happen. */
  async pass(forMs: number): Promise<void> {
    const untilMs = this.kernel.nowMs + forMs
    await this.until(`${forMs} ms`, () => this.kernel.nowMs >= untilMs, forMs + 1_000)
  }

  /** Answers its number; `answerOf` has what became of it. */
  begin(kind: Operation['kind'], key: number, { frontend = 1 } = {}): number {
    this.#lastOperation += 1
    this.#keys.add(key)
    const id = this.#lastOperation
    const atMs = this.kernel.nowMs
    this.#workload.schedule([{ id, atMs, client: 1, frontend, kind, key }])
    return id
  }

  async answerOf(id: number): Promise<HistoryEntry> {
    const find = () => this.#history.read().find((entry) => entry.id === id)
    await this.until(`the answer to #${id}`, () => (find()?.endedStep ?? Infinity) < Infinity)
    const found = find()
    assert(found !== undefined, 'an operation that was answered is in the history')
    return found
  }

  async put(key: number, at: { readonly frontend?: number } = {}): Promise<HistoryEntry> {
    return await this.answerOf(this.begin('put', key, at))
  }

  async get(key: number, at: { readonly frontend?: number } = {}): Promise<HistoryEntry> {
    return await this.answerOf(this.begin('get', key, at))
  }

  /** Throws where one of them is not acknowledged. */
  async putAll(keys: readonly number[], at: { readonly frontend?: number } = {}): Promise<void> {
    const begun = keys.map((key) => this.begin('put', key, at))
    for (const id of begun) {
      const answer = await this.answerOf(id)
      assert(answer.outcome === 'ok', `it is acknowledged: ${describeEntry(answer)}`)
    }
  }

  /** From the end of its event on the process does nothing, as after SIGSTOP. */
  hold(name: ProcessName): () => void {
    const { scope } = this.zone.process(name)
    assert(scope !== undefined, `${name} lives`)
    return this.kernel.hold(scope)
  }

  /** Keeps every message of that way from now on. */
  holdMessages(way: HeldWay): MessageHold {
    return this.zone.rpcSwitch.holds.hold(way)
  }

  /** Nothing passes between the two, either way, until the answer is called. */
  cut(one: ProcessName, others: readonly ProcessName[]): () => void {
    const ends = others.flatMap((other) => [
      this.zone.network.apply({ from: one, to: other, effect: 'cut', amount: 0 }),
      this.zone.network.apply({ from: other, to: one, effect: 'cut', amount: 0 }),
    ])
    return () => {
      for (const end of ends) end()
    }
  }

  /** Ends processes together; the answer lets them start again. */
  end(names: readonly ProcessName[], power?: PowerCutMode): () => void {
    const processes = names.map((name) => this.zone.process(name))
    const releases = processes.map((process) => {
      process.die({ isPowerCut: power !== undefined })
      return process.hold()
    })
    for (const name of names) {
      const node = nodeOf(name)
      if (power !== undefined && node !== undefined) this.zone.disk(node).powerCut(power)
    }
    return () => {
      for (const release of releases) release()
    }
  }

  /** The volume manager that leads. */
  get leader(): ProcessName {
    const leading = this.#leading()
    assert(leading !== undefined, 'somebody leads')
    return leading
  }

  get follower(): ProcessName {
    return this.leader === 'volume-manager-1' ? 'volume-manager-2' : 'volume-manager-1'
  }

  get cellId(): number {
    return this.zone.configs.manager(1).cellId
  }

  leads(name: ProcessName): boolean {
    return this.#leading() === name
  }

  /** One call of the leading volume manager, as a person's who tries again. */
  async ask<T>(call: Call<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#askOnce(call)
      } catch (error) {
        const isPassing = isKuraError(error, 'unavailable', 'not-leader')
        if (!isPassing || attempt === ASKS_MAX) throw error
        await this.pass(ASK_PAUSE_MS)
      }
    }
  }

  /** The same, without waiting for what comes of it. */
  tell(call: Call<unknown>): void {
    const { kernel } = this
    const tryOnce = async (): Promise<void> => {
      try {
        await call(this.#manager)
      } catch (error) {
        if (!isKuraError(error)) throw error
        const tryAgain = (): undefined => void tryOnce()
        if (error.code === 'not-leader') kernel.schedule(kernel.world, ASK_PAUSE_MS, tryAgain)
      }
    }
    kernel.schedule(kernel.world, 0, () => void tryOnce())
  }

  /** As the leader sees its cell now. */
  async status(): Promise<CellStatus> {
    return await this.ask((manager) => manager.getCellStatus({}))
  }

  /** Calls that a process has answered so in this life. */
  countCalls({ process, method, code }: AnsweredCall): number {
    const service = process.slice(0, process.lastIndexOf('-')).replaceAll('-', '_')
    const { living } = this.zone.metrics
    const samples = living
      .find(({ name }) => name === process)
      ?.samples([`kura_${service}_calls_total`])
    const labels = `{method="${method}",code="${code}"}`
    return samples?.find((sample) => sample.labels === labels)?.value ?? 0
  }

  volumes(): readonly StoredVolume[] {
    return readVolumes(this.zone)
  }

  openVolumes(): readonly number[] {
    const open = this.volumes().filter(({ state }) => state === 'open')
    return open.map(({ volumeId }) => volumeId)
  }

  volume(volumeId: number): StoredVolume {
    const found = this.volumes().find((volume) => volume.volumeId === volumeId)
    assert(found !== undefined, `the table knows volume ${volumeId}`)
    return found
  }

  /** Of the bucket that the row of the key names. */
  volumeOf(key: number): StoredVolume {
    const bucketId = readBucketOf(this.zone, hashOfKey(key))
    const found = this.volumes().find((volume) => volume.bucketId === bucketId)
    assert(found !== undefined, `key ${key} has a row, and the table knows its bucket`)
    return found
  }

  /** Whether every copy of the volume is there and nobody is at work on it. */
  isSettled(volumeId: number): boolean {
    const { state, orderId, extents } = this.volume(volumeId)
    return state === 'closed' && orderId === 0 && inForce({ extents }).length === 3
  }

  /** Everybody is up, all volumes have their copies, and enough are open. */
  async untilWhole(): Promise<void> {
    await this.until('all are up', () => this.zone.isUp)
    await this.pass(OPERATOR_ROUND_MS)
    await this.until('the zone is whole', () => this.zone.isWhole(this.#operator.status))
  }

  /**
   * The end of every scenario: the zone is whole, every closed volume has three copies on three
   * disks with exactly what the table says, the history is possible, and all that was acknowledged
   * comes back through every frontend.
   */
  async expectWhole(): Promise<void> {
    await this.untilWhole()
    await this.expectNothingLost()
    for (const volume of this.volumes()) {
      if (volume.state === 'closed') await expectThreeCopies(this.zone, volume)
    }
  }

  async expectNothingLost(): Promise<void> {
    const { frontends } = this.zone.plan.topology
    for (let frontend = 1; frontend <= frontends; frontend += 1) {
      this.#workload.readAll([...this.#keys], frontend)
    }
    await this.until('everything is read', () => this.#workload.runningCount === 0)
    const history = this.#history.read()
    const violation = findHistoryViolation(history)
    assert(violation === undefined, `the history is possible: ${violation?.message ?? ''}`)
    const standing = new Set(keysThatStand(history))
    const lost = history.filter(({ client, key, outcome }) => {
      return client === READER && standing.has(key) && outcome !== 'ok'
    })
    assert(lost.length === 0, `nothing is lost: ${lost.map(describeEntry).join('; ')}`)
  }

  async #askOnce<T>(call: Call<T>): Promise<T> {
    let settled: { readonly value: T } | { readonly error: unknown } | undefined
    this.tell(async (manager) => {
      await call(manager).then(
        (value) => (settled = { value }),
        (error: unknown) => (settled = { error }),
      )
    })
    await this.until('an answer of the volume manager', () => settled !== undefined)
    const ended = settled as { readonly value: T } | { readonly error: unknown } | undefined
    assert(ended !== undefined, 'it is settled')
    if ('error' in ended) throw toKuraError(ended.error)
    return ended.value
  }

  #leading(): ProcessName | undefined {
    return [...this.zone.processes.values()].find(({ name, service }) => {
      return name.startsWith('volume-manager-') && (service as VolumeManager | undefined)?.isLeading
    })?.name
  }

  #createManagerClient(): RpcClientOf<typeof VolumeManagerService> {
    const { rpc, addressBook } = this.zone.shell('person')
    const { pocket, zone } = this.zone.configs.manager(1)
    return rpc.createClient(VolumeManagerService, {
      identity: { pocket, zone, kind: 'cli', id: 'person' },
      resolve: addressBook.resolver('volume-manager', `${this.cellId}-*`, 'rpc'),
    })
  }

  #describe(): string {
    return this.zone.describe(this.#operator.status)
  }
}

export function hashOfKey(key: number): Buffer {
  return Buffer.from(blockOfKey(key).hash, 'hex')
}

export function nodeName(node: number): ProcessName {
  return `storage-node-${node}`
}

function nodeOf(name: ProcessName): number | undefined {
  return name.startsWith('storage-node-') ? Number(name.slice('storage-node-'.length)) : undefined
}
