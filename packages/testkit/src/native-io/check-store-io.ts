/**
 * Goal: whichever call of a durable operation of a store fails, and wherever the power is cut,
 * what was answered stands afterwards, and nothing stands but the state before or after.
 *
 * Method: for each operation the states before and after are read once, without a fault. Then each
 * call that it makes of the system fails, the first, the second, …, once and for ever, until the
 * operation ends without having met the fault; in that last run the power is cut before each sync,
 * too, in many ways. After each run the store is opened again: on the files as they are, and on
 * what a power cut leaves of them, which is told from the trace of the calls.
 */
import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isKuraError } from '@kura/core'
import { listCrashStates } from '../crash-states.ts'
import type { MemoryDisk } from '../memory-disk.ts'
import { SeededRandom } from '../seeded-random.ts'
import { loadDisk, replayCalls, storeDisk } from './replay-calls.ts'
import { WATCHED_FAULTS, WatchedIo, type WatchedFault } from './watched-io.ts'

/** Far more calls than any operation makes. */
const NTH_MAX = 500
const IS_LONG = process.env['KURA_MODEL_EFFORT'] === 'long'
const SEED = 1
const CUT_LIMITS = { exhaustiveMax: 4, sampleCount: IS_LONG ? 64 : 4, seed: SEED }

export interface StoreOperation<Opened> {
  readonly name: string
  readonly run: (opened: Opened) => Promise<void>
}

export interface StoreUnderTest<Opened> {
  /** Makes the store in an empty directory. */
  readonly initialise: (directory: string) => void
  readonly open: (directory: string) => Opened
  readonly close: (opened: Opened) => Promise<void>
  /** Whether the store says that it is of no more use in this process. */
  readonly hasFailed: (opened: Opened) => boolean
  /** Everything that is committed, as text; checks the structure of the file as well. */
  readonly readState: (directory: string) => string
  /** In this order; each starts from what the ones before it left. */
  readonly operations: readonly StoreOperation<Opened>[]
}

export interface StoreIoCounts {
  operations: number
  faults: number
  restarts: number
  powerCuts: number
}

const NOTHING = 'no database'

/** Runs inside of `runWithWatchedIo`. Throws at the first broken promise. */
export async function checkStoreIo<Opened>(store: StoreUnderTest<Opened>): Promise<StoreIoCounts> {
  const check = new StoreIoCheck(store)
  await check.checkGenesis()
  for (const operation of store.operations) await check.checkOperation(operation)
  return check.counts
}

interface Attempt {
  readonly directory: string
  readonly isAnswered: boolean
  readonly metCount: number
  /** The files before it, all durable, and the part of the trace that is its own. */
  readonly before: MemoryDisk
  readonly startBytes: number
  readonly endBytes: number
}

interface States {
  readonly before: string
  readonly after: string
}

class StoreIoCheck<Opened> {
  readonly counts: StoreIoCounts = { operations: 0, faults: 0, restarts: 0, powerCuts: 0 }
  readonly #store: StoreUnderTest<Opened>
  readonly #io = new WatchedIo()
  readonly #base: string
  #directoryCount = 0

  constructor(store: StoreUnderTest<Opened>) {
    this.#store = store
    this.#base = join(this.#io.directory, 'base')
    mkdirSync(this.#base)
  }

  async checkGenesis(): Promise<void> {
    const done = this.#fresh()
    this.#store.initialise(done)
    const states = { before: NOTHING, after: this.#stateOf(done) }
    const run = async (directory: string): Promise<void> => this.#store.initialise(directory)
    const prepare = (): void => undefined
    await this.#failEach('genesis', states, async (fault, nth) => {
      const attempt = await this.#attempt({ fault, nth, prepare, run })
      // Unless there is a database now, genesis works when the disk does.
      if (this.#stateOf(attempt.directory) === NOTHING) this.#store.initialise(attempt.directory)
      this.#expectOneOf(this.#stateOf(attempt.directory), { ...states, before: states.after })
      return attempt
    })
    this.#adopt(done)
  }

  async checkOperation(operation: StoreOperation<Opened>): Promise<void> {
    const done = await this.#runOnce(operation)
    const states = { before: this.#stateOf(this.#base), after: this.#stateOf(done) }
    await this.#failEach(operation.name, states, (fault, nth) =>
      this.#attemptOn(operation, states, { fault, nth }),
    )
    this.#adopt(done)
  }

  /** Without a fault; the files as they were before the store was closed, its log included. */
  async #runOnce(operation: StoreOperation<Opened>): Promise<string> {
    const directory = this.#copyOf(this.#base)
    const opened = this.#store.open(directory)
    await operation.run(opened)
    const done = this.#copyOf(directory)
    await this.#store.close(opened)
    rmSync(directory, { recursive: true })
    return done
  }

  async #failEach(
    name: string,
    states: States,
    attempt: (fault: WatchedFault, nth: number) => Promise<Attempt>,
  ): Promise<void> {
    this.counts.operations += 1
    for (const fault of WATCHED_FAULTS) {
      for (let nth = 1; ; nth += 1) {
        if (nth > NTH_MAX) throw new Error(`${name}: more than ${NTH_MAX} calls`)
        try {
          const outcome = await attempt(fault, nth)
          // Every fault ends with a run that does not meet it: one of them is enough.
          const isUnhurt = outcome.metCount === 0 && fault === WATCHED_FAULTS[0]
          await this.#cutPower(outcome, states, { isUnhurt })
          rmSync(outcome.directory, { recursive: true })
          if (outcome.metCount === 0) break
        } catch (error) {
          const message = `${name}: ${fault.name}, ${fault.lasts}, at call ${nth}`
          throw new Error(message, { cause: error })
        }
        this.counts.faults += 1
      }
    }
  }

  async #attempt(plan: {
    readonly fault: WatchedFault
    readonly nth: number
    /** On a disk that works still. */
    readonly prepare: (directory: string) => void
    readonly run: (directory: string) => Promise<void>
  }): Promise<Attempt> {
    const directory = this.#copyOf(this.#base)
    const before = await loadDisk(directory)
    const startBytes = this.#io.position()
    plan.prepare(directory)
    this.#io.arm(plan.fault, plan.nth)
    const isAnswered = await isDone(() => plan.run(directory))
    const metCount = this.#io.disarm()
    const endBytes = this.#io.position()
    if (!isAnswered && metCount === 0) throw new Error('it failed without a fault')
    return { directory, isAnswered, metCount, before, startBytes, endBytes }
  }

  /** The fault befalls the opening, too: of the first operation, in the long run of all. */
  async #attemptOn(
    operation: StoreOperation<Opened>,
    states: States,
    { fault, nth }: { readonly fault: WatchedFault; readonly nth: number },
  ): Promise<Attempt> {
    const isOpeningWatched = IS_LONG || operation === this.#store.operations[0]
    let opened: Opened | undefined
    const attempt = await this.#attempt({
      fault,
      nth,
      prepare: (directory) => {
        if (!isOpeningWatched) opened = this.#store.open(directory)
      },
      run: async (directory) => {
        opened ??= this.#store.open(directory)
        await operation.run(opened)
      },
    })
    const { directory, isAnswered } = attempt
    let isAnsweredNow = isAnswered
    if (opened !== undefined) {
      isAnsweredNow ||= await this.#repeat(operation, opened)
      await this.#store.close(opened)
    }
    this.counts.restarts += 1
    this.#expectOneOf(this.#stateOf(directory), { ...states, isAnswered: isAnsweredNow })
    return attempt
  }

  /** With the disk at work again: a store that has failed stays so, any other can do it now. */
  async #repeat(operation: StoreOperation<Opened>, opened: Opened): Promise<boolean> {
    const hasFailed = this.#store.hasFailed(opened)
    const isAnswered = await isDone(() => operation.run(opened))
    if (isAnswered === hasFailed) {
      throw new Error(hasFailed ? 'a store that failed answers' : 'it fails on a sound disk')
    }
    return isAnswered
  }

  async #cutPower(
    attempt: Attempt,
    states: States,
    { isUnhurt }: { readonly isUnhurt: boolean },
  ): Promise<void> {
    const { before: disk, startBytes, endBytes, directory, isAnswered } = attempt
    const prefix = directory.slice(this.#io.directory.length + 1)
    const calls = this.#io
      .calls(startBytes, endBytes)
      .filter(({ path }) => path === prefix || path.startsWith(`${prefix}/`))
      .map((call) => ({
        ...call,
        path: call.path.slice(prefix.length + 1),
        data: call.kind === 'link' ? Buffer.from(call.data.subarray(prefix.length + 1)) : call.data,
      }))
    const seen = new Set<string>()
    const check = async (isAnsweredNow: boolean): Promise<void> => {
      for (const left of isUnhurt ? listCrashStates(disk, CUT_LIMITS) : listFewStates(disk)) {
        const fingerprint = left.fingerprint()
        if (seen.has(`${isAnsweredNow} ${fingerprint}`)) continue
        seen.add(`${isAnsweredNow} ${fingerprint}`)
        this.counts.powerCuts += 1
        const target = this.#fresh()
        await storeDisk(left, target)
        this.#expectOneOf(this.#stateOf(target), { ...states, isAnswered: isAnsweredNow })
        rmSync(target, { recursive: true })
      }
    }
    await replayCalls(disk, calls, async ({ kind }) => {
      if (isUnhurt && kind === 'sync') await check(false)
    })
    await check(isAnswered)
  }

  #expectOneOf(found: string, states: States & { readonly isAnswered?: boolean }): void {
    if (found === states.after) return
    if (states.isAnswered === true) throw new Error(`what was answered is lost:\n${found}`)
    if (found !== states.before) throw new Error(`neither before nor after:\n${found}`)
  }

  /** Of a copy, because opening a database may change its files. */
  #stateOf(directory: string): string {
    const copy = this.#copyOf(directory)
    try {
      return this.#store.readState(copy)
    } catch (error) {
      if (isKuraError(error, 'genesis-missing')) return NOTHING
      throw error
    } finally {
      rmSync(copy, { recursive: true })
    }
  }

  #adopt(directory: string): void {
    rmSync(this.#base, { recursive: true })
    renameSync(directory, this.#base)
  }

  #copyOf(directory: string): string {
    const copy = this.#fresh()
    cpSync(directory, copy, { recursive: true })
    return copy
  }

  #fresh(): string {
    this.#directoryCount += 1
    const directory = join(this.#io.directory, `d${this.#directoryCount}`)
    mkdirSync(directory)
    return directory
  }
}

/** Nothing kept, everything, and some of it. */
function* listFewStates(disk: MemoryDisk): Generator<MemoryDisk> {
  yield disk.survivor(() => false)
  yield disk.survivor(() => true)
  yield disk.copy().crash({ torn: new SeededRandom(SEED) })
}

/** An error must be one of ours. */
async function isDone(work: () => Promise<void>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    if (!isKuraError(error)) throw error
    return false
  }
}
