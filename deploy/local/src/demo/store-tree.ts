/** Stores the tree and strikes on the way: a storage node and the volume manager are killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress, PutTreeResult } from '@kura/client'
import type { LocalZone } from '../local-zone.ts'
import { CountingClient } from './counting-client.ts'
import { acknowledgedNeeded, shouldKill, type PutState } from './kill-plan.ts'
import type { SourceSize } from './measure-source.ts'

const MANAGER = 'volume-manager-1-1'
const MANAGER_DEAD_MS = 10_000

export interface StoreOptions {
  readonly zone: LocalZone
  readonly source: string
  readonly size: SourceSize
  /** Name of the storage node to kill, e.g. `storage-node-1-3`. */
  readonly victim: string
  readonly signal: AbortSignal
  readonly tell: (line: string) => void
}

export interface StoreResult {
  readonly tree: PutTreeResult
  readonly acknowledgedHashes: ReadonlySet<string>
  readonly putMs: number
  readonly atKill: PutState
  /** Blocks acknowledged after the kill and before the manager came back. */
  readonly acknowledgedWhileKilled: number
  readonly acknowledgedNeeded: number
}

/** Stores `source`; when it returns, the manager is back and the node still dead. */
export async function storeTree(options: StoreOptions): Promise<StoreResult> {
  const attack = new Attack(options)
  await using client = new CountingClient({
    server: options.zone.endpoints.block,
    pocket: options.zone.endpoints.pocket,
    onChange: () => attack.consider(client.putsInFlight),
  })
  const startedAtMs = performance.now()
  const tree = await client.putTree(options.source, {
    signal: options.signal,
    onProgress: (progress) => {
      attack.note(progress)
      attack.consider(client.putsInFlight)
    },
  })
  const putMs = performance.now() - startedAtMs
  const outcome = await attack.finish()
  return { tree, acknowledgedHashes: client.acknowledgedHashes, putMs, ...outcome }
}

class Attack {
  readonly #options: StoreOptions
  #bytesDone = 0
  #blocksDone = 0
  #atKill: PutState | undefined
  #blocksDoneAtRestart: number | undefined
  #restart: Promise<void> | undefined

  constructor(options: StoreOptions) {
    this.#options = options
  }

  note(progress: Progress): void {
    this.#bytesDone = progress.bytesDone
    this.#blocksDone = progress.blocksDone
  }

  consider(putsInFlight: number): void {
    if (this.#atKill !== undefined) return
    const state = this.#state(putsInFlight)
    if (shouldKill(state)) this.#strike(state)
  }

  /** Waits until the manager is back. A tree too small to be struck on the way is struck here. */
  async finish(): Promise<
    Pick<StoreResult, 'atKill' | 'acknowledgedWhileKilled' | 'acknowledgedNeeded'>
  > {
    const atKill = this.#atKill ?? this.#strike(this.#state(0))
    await this.#restart
    const blocksDone = this.#blocksDoneAtRestart ?? this.#blocksDone
    return {
      atKill,
      acknowledgedWhileKilled: blocksDone - atKill.blocksDone,
      acknowledgedNeeded: acknowledgedNeeded(atKill),
    }
  }

  #state(putsInFlight: number): PutState {
    const { size } = this.#options
    return {
      bytesDone: this.#bytesDone,
      bytesTotal: size.bytes,
      blocksDone: this.#blocksDone,
      blocksTotal: size.blocks,
      putsInFlight,
    }
  }

  #strike(state: PutState): PutState {
    const { zone, victim, tell } = this.#options
    this.#atKill = state
    const share = state.bytesTotal === 0 ? 1 : state.bytesDone / state.bytesTotal
    const where = `${Math.round(100 * share)} % stored, ${state.putsInFlight} puts in flight`
    tell(`${where}: SIGKILL to ${victim} and ${MANAGER}`)
    void zone.service(victim).kill('SIGKILL')
    void zone.service(MANAGER).kill('SIGKILL')
    this.#restart = this.#restartManager()
    this.#restart.catch(() => undefined)
    return state
  }

  async #restartManager(): Promise<void> {
    const { zone, signal, tell } = this.#options
    await sleep(MANAGER_DEAD_MS, undefined, { signal })
    this.#blocksDoneAtRestart = this.#blocksDone
    tell(`starting ${MANAGER} again; ${this.#blocksDone} blocks stored so far`)
    zone.service(MANAGER).start()
    await zone.service(MANAGER).waitReady()
  }
}
