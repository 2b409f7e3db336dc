/** Runs one plan: a whole life of a zone, from its genesis until it is whole again. */
import { checkEnd, type EndOfLife } from './checkers/check-end.ts'
import { findLost, findUntoldLoss } from './checkers/check-lost.ts'
import { HistoryRecorder } from './checkers/history.ts'
import { findHistoryViolation } from './checkers/linearisable.ts'
import { mayNeedRepair } from './checkers/needless-repair.ts'
import { findRetryStorm } from './checkers/retry-rate.ts'
import { BegunAgain, countRetries } from './coverage/retries.ts'
import type { Coverage } from './coverage/coverage.ts'
import { Kernel } from './kernel/kernel.ts'
import { makeSignalsMortal } from './kernel/mortal-signals.ts'
import type { Plan } from './plan/plan.ts'
import type { RunFailure, RunPlanOptions, RunResult } from './plan/run-result.ts'
import { FaultInjector } from './zone/fault-injector.ts'
import { watchMarks } from './zone/mark-watch.ts'
import { Operator } from './zone/operator.ts'
import { SimulatedZone } from './zone/simulated-zone.ts'
import { READER, Workload } from './zone/workload.ts'

/** A run that needs more than this does not come to its end. */
const EVENTS_MAX = 2_000_000
const START_MS_MAX = 60_000
/** For answers that are still on their way when everything works again. */
const DRAIN_MS_MAX = 60_000
const READ_MS_MAX = 120_000
const LOOK_EVERY_MS = 250
/** What a zone gets to repair what can still be repaired, after more than it can survive. */
const BEYOND_QUIET_MS = 15_000
/** Within this an operator sees in the cell's status what the last reading met. */
const TELL_MS = 12_000
/** For the scrubber and repairs to find what only reading everything shows. */
const END_MS_MAX = 180_000

export async function runPlan(plan: Plan, options: RunPlanOptions = {}): Promise<RunResult> {
  const restoreSignals = makeSignalsMortal()
  try {
    return await new PlanRun(plan, options).run()
  } finally {
    restoreSignals()
  }
}

class PlanRun {
  readonly #plan: Plan
  readonly #kernel: Kernel
  readonly #zone: SimulatedZone
  readonly #history = new HistoryRecorder()
  readonly #workload: Workload
  readonly #injector: FaultInjector
  readonly #operator: Operator
  readonly #marks = new Map<string, number>()
  readonly #endEvents = new Map<string, number>()
  readonly #begunAgain = new BegunAgain()
  #failure: RunFailure | undefined

  constructor(plan: Plan, options: RunPlanOptions) {
    const { seed, faultPhaseMs, quietPhaseMsMax } = plan
    const virtualMsMax =
      START_MS_MAX + faultPhaseMs + DRAIN_MS_MAX + 2 * quietPhaseMsMax + READ_MS_MAX + END_MS_MAX
    const record = options.record === true
    this.#plan = plan
    this.#kernel = new Kernel({ seed, eventsMax: EVENTS_MAX, virtualMsMax, record })
    this.#kernel.onBug((scope, error) => {
      this.#fail({ kind: 'bug', message: `${scope.name}: ${describe(error)}` })
    })
    this.#zone = new SimulatedZone(plan, this.#kernel)
    this.#workload = new Workload(this.#zone, this.#history)
    this.#injector = new FaultInjector(this.#zone)
    this.#operator = new Operator(this.#zone)
  }

  async run(): Promise<RunResult> {
    const isRepairNeedless = !mayNeedRepair(this.#plan)
    const stopWatching = watchMarks((mark, fields) => {
      const { current } = this.#kernel
      if (!current.isAlive) return
      this.#marks.set(mark, (this.#marks.get(mark) ?? 0) + 1)
      this.#begunAgain.pass(mark, fields)
      this.#kernel.trace('mark', mark)
      if (mark === 'table.repair.begun' && isRepairNeedless) {
        this.#fail({ kind: 'needless-repair', message: 'no disk was away for long' })
      }
      this.#injector.passMark(mark, current.name)
    })
    try {
      await this.#live()
    } finally {
      stopWatching()
      this.#workload.close()
      this.#zone.databases.close()
    }
    return this.#result()
  }

  async #live(): Promise<void> {
    await this.#zone.initialise()
    this.#zone.start()
    this.#operator.start()
    await this.#wait('not-ready', START_MS_MAX, () => this.#zone.isUp)
    await this.#waitUntilWhole('not-ready', START_MS_MAX)
    const { plan, kernel } = { plan: this.#plan, kernel: this.#kernel }
    const beganAtMs = kernel.nowMs
    this.#workload.schedule(plan.operations.map((one) => ({ ...one, atMs: one.atMs + beganAtMs })))
    this.#injector.schedule(plan.faults.map((one) => shifted(one, beganAtMs)))
    await this.#wait('deadlock', plan.faultPhaseMs + 1, () => {
      return kernel.nowMs - beganAtMs >= plan.faultPhaseMs
    })
    this.#injector.heal()
    this.#zone.isQuiet = true
    await this.#wait('deadlock', DRAIN_MS_MAX, () => this.#workload.runningCount === 0)
    await this.#quieten()
    await this.#readAll()
    this.#checkHistory()
    this.#checkRetries()
    if (plan.suite === 'survivable') await this.#checkEnd()
    else await this.#checkBeyond()
  }

  #checkRetries(): void {
    if (this.#failure !== undefined) return
    const message = findRetryStorm(this.#workload.connections, this.#history.read())
    if (message !== undefined) this.#fail({ kind: 'retry-storm', message })
  }

  /**
   * What three copies survive must leave a zone that is whole. After more than that it has to be
   * up, and has the time to do what it can.
   */
  async #quieten(): Promise<void> {
    const { suite, quietPhaseMsMax } = this.#plan
    if (suite === 'survivable') return await this.#waitUntilWhole('not-quiet', quietPhaseMsMax)
    const isUp = (): boolean => this.#zone.isUp
    await this.#wait('not-up', quietPhaseMsMax, isUp)
    const untilMs = this.#kernel.nowMs + BEYOND_QUIET_MS
    await this.#wait('deadlock', BEYOND_QUIET_MS + LOOK_EVERY_MS, () => {
      return this.#zone.isWhole(this.#operator.status) || this.#kernel.nowMs >= untilMs
    })
  }

  async #waitUntilWhole(kind: string, withinMs: number): Promise<void> {
    await this.#wait(kind, withinMs, () => this.#zone.isWhole(this.#operator.status))
  }

  async #readAll(): Promise<void> {
    const keys = [...new Set(this.#plan.operations.map(({ key }) => key))]
    const { frontends } = this.#plan.topology
    for (let frontend = 1; frontend <= frontends; frontend += 1) {
      this.#workload.readAll(keys, frontend)
    }
    await this.#wait('deadlock', READ_MS_MAX, () => this.#workload.runningCount === 0)
  }

  #checkHistory(): void {
    if (this.#failure !== undefined) return
    const violation = findHistoryViolation(this.#history.read())
    if (violation !== undefined) this.#fail(violation)
  }

  async #checkEnd(): Promise<void> {
    if (this.#failure !== undefined) return
    const lost = findLost(this.#history.read(), READER)
    const violation = lost ?? (await checkEnd(this.#endOfLife()))
    if (violation !== undefined) this.#fail(violation)
  }

  /** After more than three copies survive: everybody lives, and no loss is silent. */
  async #checkBeyond(): Promise<void> {
    const history = this.#history.read()
    if (this.#failure === undefined && findLost(history, READER) !== undefined) {
      await this.#liveFor(TELL_MS)
    }
    const untold = findUntoldLoss(history, READER, this.#operator.status)
    if (untold !== undefined) this.#fail(untold)
    await this.#wait('not-up', BEYOND_QUIET_MS, () => this.#zone.isUp)
  }

  #endOfLife(): EndOfLife {
    const zone = this.#zone
    const { quietPhaseMsMax } = this.#plan
    const isSettled = (): boolean => zone.isWhole(this.#operator.status) && !zone.isUnsettled
    return {
      plan: this.#plan,
      metrics: zone.metrics,
      callCount: () => zone.rpcSwitch.callCount,
      connections: () => zone.network.acceptedConnections(),
      note: (event) => this.#endEvents.set(event, 1),
      source: () => zone.holdings(),
      live: async (forMs) => await this.#liveFor(forMs),
      settle: async () => {
        await this.#wait('not-quiet', quietPhaseMsMax, isSettled)
        return this.#failure === undefined
      },
    }
  }

  async #liveFor(forMs: number): Promise<boolean> {
    const kernel = this.#kernel
    let isOver = false
    kernel.schedule(kernel.world, forMs, () => {
      isOver = true
    })
    const end = await kernel.run(() => isOver || this.#failure !== undefined)
    if (end !== 'done') this.#fail({ kind: 'deadlock', message: `the run ended: ${end}` })
    return this.#failure === undefined
  }

  #checkObedience(): void {
    const message = this.#zone.rpcSwitch.obedience.violation
    if (message !== undefined) this.#fail({ kind: 'disobedient', message })
  }

  /** Asks now and then; a failure ends every wait. */
  async #wait(kind: string, withinMs: number, isDone: () => boolean): Promise<void> {
    if (this.#failure !== undefined) return
    const kernel = this.#kernel
    const untilMs = kernel.nowMs + withinMs
    let isOver = false
    const look = (): void => {
      this.#checkObedience()
      isOver = this.#failure !== undefined || isDone() || kernel.nowMs > untilMs
      if (!isOver) kernel.schedule(kernel.world, LOOK_EVERY_MS, look)
    }
    kernel.schedule(kernel.world, 0, look)
    const end = await kernel.run(() => isOver || this.#failure !== undefined)
    if (this.#failure !== undefined) return
    if (end !== 'done') this.#fail({ kind: 'deadlock', message: `the run ended: ${end}` })
    else if (!isDone()) this.#fail({ kind, message: this.#zone.describe(this.#operator.status) })
  }

  #fail(failure: RunFailure): void {
    this.#failure ??= failure
  }

  #result(): RunResult {
    const kernel = this.#kernel
    return {
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
      history: this.#history.read(),
      events: kernel.eventCount,
      virtualMs: kernel.nowMs,
      traceHash: kernel.traceHash(),
      coverage: this.#coverage(),
      traceLines: kernel.traceLines(),
    }
  }

  #coverage(): Coverage {
    const coverage: Record<string, number> = {}
    const add = (prefix: string, counts: Iterable<readonly [string, number]>): void => {
      for (const [name, count] of counts) {
        coverage[prefix + name] = (coverage[prefix + name] ?? 0) + count
      }
    }
    add('mark:', this.#marks)
    add('fault:', this.#injector.counts)
    add('network:', this.#zone.network.links.counts)
    add('operator:', this.#operator.counts)
    add('end:', this.#endEvents)
    add('retry:', this.#begunAgain.counts)
    add('retry:', this.#zone.rpcSwitch.newAddresses)
    add('', countRetries(this.#zone.metrics.counted(), this.#history.read().length))
    for (const disk of this.#zone.allDisks) add('disk:', Object.entries(disk.counts()))
    return coverage
  }
}

function shifted(fault: Plan['faults'][number], byMs: number): Plan['faults'][number] {
  const moved = { ...fault, atMs: fault.atMs + byMs }
  return moved.kind === 'older-disk' ? { ...moved, takenAtMs: moved.takenAtMs + byMs } : moved
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
