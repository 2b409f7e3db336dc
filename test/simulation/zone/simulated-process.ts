/**
 * One process of a simulated zone with its supervisor: it is started, dies at any moment, and comes
 * back. A life is a scope of the kernel; the service in it is production's own.
 */
import type { Service } from '@kura/runtime'
import type { Kernel } from '../kernel/kernel.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'
import { SimulatedClock } from '../kernel/simulated-clock.ts'
import type { SimulatedNetwork } from '../network/simulated-network.ts'
import type { RpcSwitch } from '../network/rpc-switch.ts'
import type { ProcessName } from '../plan/plan.ts'

/** What a life is given of the world. */
export interface Life {
  readonly scope: ProcessScope
  readonly clock: SimulatedClock
  /** Ends this life and begins another, as a process that exits by itself. */
  readonly exit: (reason: unknown) => void
}

export interface SimulatedProcessOptions {
  readonly name: ProcessName
  readonly kernel: Kernel
  readonly network: SimulatedNetwork
  readonly rpcSwitch: RpcSwitch
  readonly create: (life: Life) => Promise<Service>
}

/** A supervisor waits before it starts again what ended by itself. */
const RESTART_MS = 500

export class SimulatedProcess {
  readonly name: ProcessName
  readonly #options: SimulatedProcessOptions
  #scope: ProcessScope | undefined
  #clock: SimulatedClock | undefined
  #service: Service | undefined
  #isReady = false
  #drift = 0
  #offsetMs = 0
  /** A machine without power, or one whose disk is being changed, starts nothing. */
  #holds = 0
  /** Why the last life ended by itself. */
  lastExit: unknown

  constructor(options: SimulatedProcessOptions) {
    this.name = options.name
    this.#options = options
  }

  get isAlive(): boolean {
    return this.#scope !== undefined
  }

  /** Its start has come to its end. */
  get isReady(): boolean {
    return this.#isReady
  }

  get scope(): ProcessScope | undefined {
    return this.#scope
  }

  get service(): Service | undefined {
    return this.#service
  }

  start(): void {
    if (this.#scope !== undefined || this.#holds > 0) return
    this.lastExit = undefined
    const { kernel, name } = this.#options
    const scope = kernel.newScope(name)
    const clock = new SimulatedClock({
      ...{ kernel, scope },
      drift: this.#drift,
      offsetMs: this.#offsetMs,
    })
    this.#scope = scope
    this.#clock = clock
    kernel.trace('start', name)
    kernel.schedule(scope, 0, () => {
      this.#run({ scope, clock, exit: (reason) => this.#exit(scope, reason) })
    })
  }

  /** Ends the life at this very moment. A machine that loses power tells nobody. */
  die(options: { readonly isPowerCut: boolean }): void {
    const scope = this.#scope
    if (scope === undefined) return
    const { kernel, network, rpcSwitch, name } = this.#options
    kernel.trace('die', name)
    const told = { isPeerTold: !options.isPowerCut }
    network.processDies(scope, told)
    rpcSwitch.processDies(scope, told)
    scope.end()
    this.#scope = undefined
    this.#clock = undefined
    this.#service = undefined
    this.#isReady = false
  }

  /** Nothing starts until the answer is called. */
  hold(): () => void {
    this.#holds += 1
    let isHeld = true
    return () => {
      if (isHeld) this.#holds -= 1
      isHeld = false
      this.start()
    }
  }

  pause(forMs: number): void {
    const { kernel } = this.#options
    this.#scope?.pauseUntil(kernel.nowMs + forMs)
  }

  jumpClock(byMs: number): void {
    this.#offsetMs += byMs
    this.#clock?.jump(byMs)
  }

  setDrift(drift: number): void {
    this.#drift = drift
    this.#clock?.setDrift(drift)
  }

  #run(life: Life): void {
    const { create } = this.#options
    const begin = async (): Promise<void> => {
      const service = await create(life)
      this.#service = service
      await service.start()
      this.#isReady = true
    }
    begin().catch((error: unknown) => this.#exit(life.scope, error))
  }

  #exit(scope: ProcessScope, reason: unknown): void {
    if (this.#scope !== scope) return
    this.lastExit = reason
    this.die({ isPowerCut: false })
    const { kernel } = this.#options
    kernel.schedule(kernel.world, RESTART_MS, () => this.start())
  }
}
