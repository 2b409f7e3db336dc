/** Makes the faults of a plan happen to a zone, and takes them back when their phase is over. */
import type { Mark } from '@kura/core'
import type { DiskSnapshot } from '../disk/simulated-disk.ts'
import type { FaultAction, PlannedFault, PowerCutMode, ProcessName } from '../plan/plan.ts'
import { kindOfFault } from '../plan/fault-kinds.ts'
import type { SimulatedZone } from './simulated-zone.ts'

type FaultOf<Kind extends FaultAction['kind']> = Extract<PlannedFault, { readonly kind: Kind }>

interface ArmedCrash {
  readonly fault: FaultOf<'crash-at-mark'>
  passes: number
}

export class FaultInjector {
  readonly #zone: SimulatedZone
  readonly #counts = new Map<string, number>()
  readonly #armed = new Set<ArmedCrash>()
  /** What ends with the phase at the latest, each once. */
  readonly #undo = new Set<() => void>()
  readonly #snapshots = new Map<number, DiskSnapshot>()

  constructor(zone: SimulatedZone) {
    this.#zone = zone
  }

  /** Faults that took place, by kind. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  schedule(faults: readonly PlannedFault[]): void {
    const { networkLossRate, networkDuplicateRate } = this.#zone.plan.settings
    this.#disturbAllMessages('loss', networkLossRate)
    this.#disturbAllMessages('duplicate', networkDuplicateRate)
    for (const fault of faults) {
      if (fault.kind === 'older-disk') {
        this.#at(fault.takenAtMs, () => {
          this.#snapshots.set(fault.id, this.#zone.disk(fault.node).snapshot())
        })
      }
      this.#at(fault.atMs, () => this.#strike(fault))
    }
  }

  /** Called where a living process passes a mark: it may be its last. */
  passMark(mark: Mark, name: string): void {
    for (const armed of this.#armed) {
      const { fault } = armed
      if (fault.mark !== mark) continue
      if (fault.process !== undefined && fault.process !== name) continue
      armed.passes += 1
      if (armed.passes < fault.nth) continue
      this.#armed.delete(armed)
      this.#count('crash-at-mark')
      this.#count(`crash-at:${mark}`)
      this.#end([name as ProcessName], { power: fault.power, restartAfterMs: fault.restartAfterMs })
      return
    }
  }

  /** Everything works again from here on; what was lost stays lost. */
  heal(): void {
    this.#armed.clear()
    for (const undo of [...this.#undo]) undo()
    for (const disk of this.#zone.disks.values()) disk.heal()
    for (const process of this.#zone.processes.values()) {
      process.setDrift(0)
      process.start()
    }
  }

  #strike(fault: PlannedFault): void {
    const { kernel } = this.#zone
    kernel.trace('fault', `${fault.id} ${fault.kind}`)
    if (fault.kind !== 'crash-at-mark') this.#count(kindOfFault(fault))
    switch (fault.kind) {
      case 'kill':
        return this.#end([fault.process], fault)
      case 'crash-at-mark':
        this.#armed.add({ fault, passes: 0 })
        return
      case 'power-cut':
        return this.#end(fault.processes, { ...fault, power: fault.mode })
      case 'pause':
        return this.#zone.process(fault.process).pause(fault.forMs)
      case 'network':
        return this.#disturbNetwork(fault)
      case 'disk':
        return this.#zone.disk(fault.node).inject(fault.fault)
      case 'disk-heal':
        return this.#zone.disk(fault.node).heal()
      case 'swap-disks':
        return this.#swapDisks(fault)
      case 'empty-disk':
        return this.#emptyDisk(fault)
      case 'older-disk':
        return this.#bringOlderDisk(fault)
      case 'clock':
        return this.#changeClock(fault)
      case 'lose-leadership':
        this.#zone.coordination.loseLeadership(fault.election)
        return
      case 'coordination-down':
        this.#zone.coordination.setAvailable(false)
        return this.#endLater(fault.forMs, () => this.#zone.coordination.setAvailable(true))
      case 'index-commit-fails':
        return this.#zone.failIndexCommit(fault.code)
    }
  }

  /** Processes die together and come back together. */
  #end(
    names: readonly ProcessName[],
    how: { readonly power?: PowerCutMode | undefined; readonly restartAfterMs: number },
  ): void {
    const processes = names.map((name) => this.#zone.process(name))
    const holds = processes.map((process) => {
      process.die({ isPowerCut: how.power !== undefined })
      return process.hold()
    })
    if (how.power !== undefined) this.#cutPower(names, how.power)
    this.#endLater(how.restartAfterMs, () => {
      for (const release of holds) release()
    })
  }

  #cutPower(names: readonly ProcessName[], mode: PowerCutMode): void {
    for (const name of names) {
      const node = nodeOf(name)
      if (node === undefined || this.#zone.isReplacing(node)) continue
      this.#zone.disk(node).powerCut(mode)
      this.#count(`power:${mode}`)
    }
  }

  /** As long as faults last. */
  #disturbAllMessages(effect: 'loss' | 'duplicate', amount: number): void {
    if (amount === 0) return
    this.#endLater(Infinity, this.#zone.network.apply({ from: '*', to: '*', effect, amount }))
  }

  #disturbNetwork(fault: FaultOf<'network'>): void {
    const { from, to, effect, amount = 0, forMs } = fault
    this.#endLater(forMs, this.#zone.network.apply({ from, to, effect, amount }))
  }

  #swapDisks({ a, b, forMs, restartAfterMs }: FaultOf<'swap-disks'>): void {
    const swap = (): void => {
      if (this.#zone.isReplacing(a) || this.#zone.isReplacing(b)) return
      const [first, second] = [this.#zone.disk(a), this.#zone.disk(b)]
      this.#withNodesDown([a, b], restartAfterMs, () => {
        this.#zone.disks.set(a, second)
        this.#zone.disks.set(b, first)
      })
    }
    swap()
    this.#endLater(forMs ?? Infinity, swap)
  }

  #emptyDisk({ node, restartAfterMs }: FaultOf<'empty-disk'>): void {
    if (this.#zone.isReplacing(node)) return
    this.#withNodesDown([node], restartAfterMs, () => this.#zone.disk(node).empty())
  }

  #bringOlderDisk({ id, node, restartAfterMs }: FaultOf<'older-disk'>): void {
    const snapshot = this.#snapshots.get(id)
    if (snapshot === undefined || this.#zone.isReplacing(node)) return
    this.#withNodesDown([node], restartAfterMs, () => this.#zone.disk(node).restore(snapshot))
  }

  #withNodesDown(nodes: readonly number[], restartAfterMs: number, change: () => void): void {
    const names = nodes.map((node): ProcessName => `storage-node-${node}`)
    this.#end(names, { power: 'kept', restartAfterMs })
    change()
  }

  #changeClock({ process: name, jumpMs, drift }: FaultOf<'clock'>): void {
    const process = this.#zone.process(name)
    if (jumpMs !== undefined) process.jumpClock(jumpMs)
    if (drift !== undefined) process.setDrift(drift)
  }

  /** After `afterMs`, or when the phase ends, whatever comes first. */
  #endLater(afterMs: number, undo: () => void): void {
    const once = (): void => {
      if (this.#undo.delete(once)) undo()
    }
    this.#undo.add(once)
    if (Number.isFinite(afterMs)) this.#at(this.#zone.kernel.nowMs + afterMs, once)
  }

  #at(atMs: number, callback: () => void): void {
    const { kernel } = this.#zone
    kernel.schedule(kernel.world, atMs - kernel.nowMs, callback)
  }

  #count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }
}

function nodeOf(name: ProcessName): number | undefined {
  const prefix = 'storage-node-'
  return name.startsWith(prefix) ? Number(name.slice(prefix.length)) : undefined
}
