/** Whom `kura top` reads: what the zone master lists, or the admin addresses it is given. */
import { isKuraError, type Clock } from '@kura/core'
import type { ZoneMasterClient } from '@kura/client'
import type { ZoneStatus } from '@kura/proto'
import type { MetricsPage } from './metrics-page.ts'
import { readPage } from './read-page.ts'
import type { Reading, Target } from './reading.ts'

const STATUS_TIMEOUT_MS = 2_000
/** Order of the services on the page. */
const KINDS = ['frontend', 'block-index', 'zone-master', 'volume-manager', 'storage-node']

export interface Look {
  readonly readings: readonly Reading[]
  readonly diskStates: ReadonlyMap<string, string>
  /** Why the list of processes may be old. */
  readonly problem: string | undefined
}

export interface TopSourceOptions {
  readonly clock: Clock
  /** Undefined: only `admins`. */
  readonly master: ZoneMasterClient | undefined
  readonly admins: readonly string[]
}

export class TopSource {
  readonly #options: TopSourceOptions
  /** By kind and id, or by address where nobody has said who is there. */
  readonly #targets = new Map<string, Target>()
  #diskStates: ReadonlyMap<string, string> = new Map()
  #hasStatus = false

  constructor(options: TopSourceOptions) {
    this.#options = options
    for (const address of options.admins) {
      this.#targets.set(address, { kind: '', id: address, address })
    }
  }

  /** Throws where the first question to the zone master has no answer; later that is a problem. */
  async look(signal: AbortSignal): Promise<Look> {
    const problem = await this.#refreshTargets(signal)
    const targets = [...this.#targets.values()].sort(inOrder)
    const readings = await Promise.all(targets.map((target) => this.#read(target, signal)))
    for (const { target } of readings) {
      if (this.#targets.has(target.address)) this.#targets.set(target.address, target)
    }
    return {
      readings: readings.sort((a, b) => inOrder(a.target, b.target)),
      problem,
      diskStates: this.#diskStates,
    }
  }

  async #refreshTargets(signal: AbortSignal): Promise<string | undefined> {
    const { master } = this.#options
    if (master === undefined) return undefined
    try {
      const status = await master.status({ signal, timeoutMs: STATUS_TIMEOUT_MS })
      this.#takeStatus(status)
      return undefined
    } catch (error) {
      if (!this.#hasStatus || !isKuraError(error) || signal.aborted) throw error
      return `The zone master does not answer (${error.code}): this list may be old.`
    }
  }

  /** Who was there once stays, so that it is seen to be down. */
  #takeStatus(status: ZoneStatus): void {
    this.#hasStatus = true
    for (const { kind, id, addresses } of status.services) {
      const address = addresses['admin']
      if (address !== undefined) this.#targets.set(`${kind} ${id}`, { kind, id, address })
    }
    const disks = status.cells.flatMap((cell) =>
      (cell.status?.disks ?? []).map(({ osdId, state }): [string, string] => [
        `${cell.status?.cellId}-${osdId}`,
        state,
      ]),
    )
    this.#diskStates = new Map(disks)
  }

  /** A process that does not answer is down. */
  async #read(target: Target, signal: AbortSignal): Promise<Reading> {
    const { clock } = this.#options
    const page = await readPage(target.address, { clock, signal })
    return { target: nameTarget(target, page), atMs: clock.monotonicMs(), page }
  }
}

/** A process that was given by its address alone says what it is. */
function nameTarget(target: Target, page: MetricsPage | undefined): Target {
  if (target.kind !== '') return target
  const kind = page?.figures('kura_build_info')[0]?.labels['service'] ?? ''
  return { ...target, kind }
}

function inOrder(one: Target, other: Target): number {
  const byKind = KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind)
  return byKind === 0 ? one.id.localeCompare(other.id, 'en', { numeric: true }) : byKind
}
