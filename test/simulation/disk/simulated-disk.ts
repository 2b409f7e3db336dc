/**
 * One physical disk of the simulation. It outlives the processes that use it: what they wrote stays
 * when they are killed, what they synced stays when the power is cut, and what a fault did to the
 * medium stays in any case.
 */
import { assert, randomInteger, type Disk, type DiskLock, type Random } from '@kura/core'
import { MemoryDisk } from '@kura/testkit'
import type { Kernel } from '../kernel/kernel.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'
import { AttachedDisk } from './attached-disk.ts'
import { cutPower } from './cut-power.ts'
import type { DiskFault, PowerCutMode } from './disk-fault.ts'
import { FaultState } from './fault-state.ts'
import { PathLocks } from './path-locks.ts'

export interface SimulatedDiskOptions {
  readonly kernel: Kernel
  /** Unique: the disk's chance is drawn under it. */
  readonly name: string
  readonly totalBytes: number
  /** Of one operation, exponentially distributed. */
  readonly latencyMs: { readonly mean: number }
}

/** What a medium held at one moment; taken of one disk, it may be put into another. */
export interface DiskSnapshot {
  readonly medium: MemoryDisk
}

/** A latency is at most this many times the mean. */
const LATENCY_FACTOR_MAX = 20
const SECTOR_BYTES = 512

export class SimulatedDisk {
  readonly name: string
  readonly #options: SimulatedDiskOptions
  readonly #random: Random
  readonly #faults: FaultState
  readonly #locks = new PathLocks()
  readonly #counts: Record<string, number> = {}
  #scopes: ProcessScope[] = []
  #medium: MemoryDisk

  constructor(options: SimulatedDiskOptions) {
    const { kernel, name } = options
    this.name = name
    this.#options = options
    this.#random = kernel.fork(`disk:${name}`)
    this.#faults = new FaultState({
      nowMs: () => kernel.nowMs,
      onEffect: (kind) => this.#count(kind),
    })
    this.#medium = this.#newMedium()
  }

  /** The port for one life of a process: once that has ended, no call takes effect or settles. */
  attach(scope: ProcessScope): Disk {
    this.#scopes = [...this.#scopes.filter(({ isAlive }) => isAlive), scope]
    return new AttachedDisk({ disk: this, scope, kernel: this.#options.kernel })
  }

  /** Killing processes needs no call: what they wrote stays. REQUIRES: no living one attached. */
  powerCut(mode: PowerCutMode): void {
    if (this.#medium.unsyncedChanges().length > 0) this.#count(`power-cut-${mode}`)
    this.#replace(cutPower(this.#medium, mode, this.#random))
  }

  inject(fault: DiskFault): void {
    this.#options.kernel.trace(`fault.${fault.kind}`, this.name)
    if (fault.kind === 'rot') this.#rot(fault.bits)
    else this.#faults.add(fault)
  }

  /** From here on the disk works. What it did to the medium stays done. */
  heal(): void {
    this.#faults.heal()
  }

  /** What is on it now, for checks when nobody uses it; faults do not reach these. */
  get image(): MemoryDisk {
    return this.#medium.view()
  }

  /** What the medium holds now: what is not synced is not in it. */
  snapshot(): DiskSnapshot {
    return { medium: this.#medium.survivor(() => false) }
  }

  /** Puts back an older state, or that of another disk. REQUIRES: no living process attached. */
  restore(snapshot: DiskSnapshot): void {
    this.#replace(snapshot.medium.survivor(() => true))
  }

  /** Somebody puts in a new disk with nothing on it. REQUIRES: no living process attached. */
  empty(): void {
    this.#replace(this.#newMedium())
  }

  /** How often each kind of fault did something, and each power cut that found unsynced changes. */
  counts(): Readonly<Record<string, number>> {
    return { ...this.#counts }
  }

  /** For the ports of this disk only, as are all below. */
  get medium(): MemoryDisk {
    return this.#medium
  }

  get faults(): FaultState {
    return this.#faults
  }

  /** How long one operation takes before its effect, and after. */
  drawLatency(): { readonly beforeMs: number; readonly afterMs: number } {
    const { mean } = this.#options.latencyMs
    const drawn = Math.min(-Math.log(1 - this.#random.next()), LATENCY_FACTOR_MAX)
    const latencyMs = this.#faults.stretch(drawn * mean)
    const beforeMs = latencyMs * this.#random.next()
    return { beforeMs, afterMs: latencyMs - beforeMs }
  }

  lock(path: string, scope: ProcessScope): DiskLock {
    return this.#locks.take(path, scope)
  }

  /** Puts the bytes into a page of any file, where they destroy what was there. */
  misdirect(bytes: Uint8Array): void {
    const files = this.#filesOnMedium().filter(({ content }) => content.length >= bytes.length)
    const victim = files[randomInteger(this.#random, files.length)]
    if (victim === undefined) return
    const sectors = Math.floor((victim.content.length - bytes.length) / SECTOR_BYTES) + 1
    const offsetBytes = randomInteger(this.#random, sectors) * SECTOR_BYTES
    this.#medium.damage(victim.path, bytes, offsetBytes)
  }

  /** Bits of sectors that hold something: turning a bit of free space proves nothing. */
  #rot(bits: number): void {
    const files = this.#filesOnMedium()
    for (let count = 0; count < bits && files.length > 0; count += 1) {
      const { path, content } = files[randomInteger(this.#random, files.length)] as FileOnMedium
      const sectors = sectorsInUse(content)
      if (sectors.length === 0) continue
      const sector = sectors[randomInteger(this.#random, sectors.length)] as number
      const sizeBytes = Math.min(SECTOR_BYTES, content.length - sector * SECTOR_BYTES)
      const offsetBytes = sector * SECTOR_BYTES + randomInteger(this.#random, sizeBytes)
      this.#medium.flipBit(path, offsetBytes, randomInteger(this.#random, 8))
      this.#count('rot')
    }
  }

  #filesOnMedium(): FileOnMedium[] {
    return this.#medium
      .filePaths()
      .map((path) => ({ path, content: this.#medium.mediumContent(path) }))
      .filter(({ content }) => content.length > 0)
  }

  #replace(medium: MemoryDisk): void {
    assert(
      this.#scopes.every(({ isAlive }) => !isAlive),
      'the medium of a disk changes while no process uses it',
    )
    this.#medium.watch(undefined)
    this.#medium = medium
    medium.watch((io) => this.#faults.meet(io))
  }

  /** Waiting is done by the ports: in the memory disk an operation is over at once. */
  #newMedium(): MemoryDisk {
    const { totalBytes } = this.#options
    const medium = new MemoryDisk({ totalBytes, turn: () => Promise.resolve() })
    medium.watch((io) => this.#faults.meet(io))
    return medium
  }

  #count(kind: string): void {
    this.#counts[kind] = (this.#counts[kind] ?? 0) + 1
  }
}

interface FileOnMedium {
  readonly path: string
  readonly content: Buffer
}

function sectorsInUse(content: Buffer): number[] {
  const sectors: number[] = []
  for (let at = 0; at < content.length; at += SECTOR_BYTES) {
    const isInUse = content.subarray(at, at + SECTOR_BYTES).some((byte) => byte !== 0)
    if (isInUse) sectors.push(at / SECTOR_BYTES)
  }
  return sectors
}
