/**
 * Kills and pauses processes of a local zone, and cuts the power of its disks, one at a time: the
 * next victim is chosen when the last one is back. So at most one storage node is down, and puts go
 * on. Whatever it paused goes on when it ends, in whatever way.
 */
import { KuraError, randomInteger, type Clock, type Random } from '@kura/core'
import { cutPower, isReady } from './launcher-door.ts'
import { DISTURBANCE_GAP_MS, PAUSE_MS, VICTIM_BACK_MS, VICTIM_POLL_MS } from './limits.ts'
import {
  isSame,
  readLocalProcesses,
  resumeStopped,
  signalListed,
  type ListedProcess,
  type LocalProcesses,
} from './local-processes.ts'
import type { Tally } from './tally.ts'

/** In turn. Where there is no power to cut, a process is killed instead. */
const TURNS = ['kill', 'cut', 'kill', 'pause'] as const

export interface DisturberOptions {
  /** Data folder of the launcher. */
  readonly folder: string
  /** The zone master that the proof asks: the zone has to be the same. */
  readonly master: string | undefined
  /** Names or kinds of services; none: all that are listed. */
  readonly mayKill: readonly string[]
  readonly tally: Tally
  readonly clock: Clock
  readonly random: Random
}

export class Disturber {
  readonly #options: DisturberOptions
  /** Names of those who had their turn. */
  readonly #hadTurn = new Set<string>()
  #lastVictim: string | undefined

  constructor(options: DisturberOptions) {
    this.#options = options
  }

  /** Throws `setting-invalid` where there is nobody to kill, or a name is of nobody. */
  async check(): Promise<void> {
    const { folder, master } = this.#options
    const { services, zoneMaster } = await readLocalProcesses(folder)
    if (zoneMaster !== master) {
      throw new KuraError(
        'setting-invalid',
        `the zone in ${folder} is not the one that is proven`,
        {
          hint: `say --endpoints ${folder}/endpoints.json`,
        },
      )
    }
    for (const given of this.#options.mayKill) {
      if (services.some(({ name, kind }) => given === name || given === kind)) continue
      const names = services.map(({ name }) => name).join(', ')
      throw new KuraError('setting-invalid', `there is no service ${given}; there are ${names}`)
    }
  }

  /** Until the signal, or until somebody does not come back: that is `unavailable`. */
  async run(until: AbortSignal): Promise<void> {
    const { clock } = this.#options
    for (let turn = 0; !until.aborted; turn += 1) {
      await clock.sleep(DISTURBANCE_GAP_MS, { signal: until }).catch(() => undefined)
      if (until.aborted) return
      await this.#disturb(TURNS[turn % TURNS.length] ?? 'kill', until)
    }
  }

  async #disturb(wish: (typeof TURNS)[number], until: AbortSignal): Promise<void> {
    const { folder } = this.#options
    const processes = await readLocalProcesses(folder)
    const { control } = processes
    const isCut = wish === 'cut' && control !== undefined
    const victim = this.#pick(processes, isCut ? 'storage-node' : undefined)
    if (victim === undefined) return
    if (isCut) await this.#cut(control, victim)
    else if (wish === 'pause') await this.#pause(victim, until)
    else await this.#kill(victim)
  }

  /** Anybody who had no turn yet, then all again, but nobody twice in a row. */
  #pick({ services }: LocalProcesses, kind: string | undefined): ListedProcess | undefined {
    const { mayKill, random } = this.#options
    const allowed = services.filter(
      (service) =>
        (kind === undefined || service.kind === kind) &&
        (mayKill.length === 0 || mayKill.includes(service.name) || mayKill.includes(service.kind)),
    )
    const others = allowed.filter(({ name }) => name !== this.#lastVictim)
    const waiting = others.filter(({ name }) => !this.#hadTurn.has(name))
    if (waiting.length === 0) for (const { name } of allowed) this.#hadTurn.delete(name)
    const candidates = [waiting, others, allowed].find(({ length }) => length > 0) ?? []
    const victim = candidates[randomInteger(random, candidates.length)]
    if (victim !== undefined) {
      this.#hadTurn.add(victim.name)
      this.#lastVictim = victim.name
    }
    return victim
  }

  async #kill(victim: ListedProcess): Promise<void> {
    const { folder, tally } = this.#options
    if (!(await signalListed(folder, victim, 'SIGKILL'))) return
    tally.kills += 1
    await this.#waitBack(victim, { isNew: true })
  }

  async #cut(control: string, victim: ListedProcess): Promise<void> {
    const { tally, clock } = this.#options
    const { isUnsyncedGone } = await cutPower(control, victim.name, clock)
    if (!isUnsyncedGone) {
      throw new KuraError('unavailable', 'a power cut left unsynced bytes: it was none')
    }
    tally.kills += 1
    tally.cuts += 1
    await this.#waitBack(victim, { isNew: true })
  }

  async #pause(victim: ListedProcess, until: AbortSignal): Promise<void> {
    const { folder, tally, clock } = this.#options
    const resume = (): void => resumeStopped(victim)
    // For an end of this process that runs no `finally`.
    process.once('exit', resume)
    try {
      if (!(await signalListed(folder, victim, 'SIGSTOP'))) return
      tally.pauses += 1
      await clock.sleep(PAUSE_MS, { signal: until }).catch(() => undefined)
    } finally {
      resume()
      process.off('exit', resume)
    }
    await this.#waitBack(victim, { isNew: false })
  }

  /** Until the victim, or its successor, is ready. Throws `unavailable` after VICTIM_BACK_MS. */
  async #waitBack(victim: ListedProcess, { isNew }: { readonly isNew: boolean }): Promise<void> {
    const { folder, clock } = this.#options
    const endsAtMs = clock.monotonicMs() + VICTIM_BACK_MS
    while (clock.monotonicMs() < endsAtMs) {
      const { services } = await readLocalProcesses(folder)
      const now = services.find(({ name }) => name === victim.name)
      const isBack = now !== undefined && (!isNew || !isSame(now, victim))
      if (isBack && (await isReady(now.adminAddress, clock))) return
      await clock.sleep(VICTIM_POLL_MS)
    }
    throw new KuraError('unavailable', `${victim.name} did not come back`)
  }
}
