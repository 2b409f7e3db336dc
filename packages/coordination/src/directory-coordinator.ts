/**
 * Coordination of the processes of one machine through one directory:
 *
 *     elections/<name>.lock      held by the leader, flock(2)
 *     members/<kind>/<id>.json   one file per announced process
 *
 * It elects and tells who is where; it never fences. The file of a process that died stays until
 * the process is back: being listed does not mean being alive. The directory must be on a local
 * file system, since the locks of network file systems survive their holders.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  KuraError,
  type Announcement,
  type Clock,
  type Coordinator,
  type Leadership,
  type Member,
  type MemberKind,
  type Random,
} from '@kura/core'
import { DirectoryLeadership } from './directory-leadership.ts'
import { FileLock } from './file-lock.ts'
import { CAMPAIGN_POLL_MS } from './limits.ts'
import { MemberDirectory } from './member-directory.ts'
import type { AnnouncedMember } from './member-file.ts'

export interface DirectoryCoordinatorOptions {
  readonly directory: string
  readonly clock: Clock
  readonly random: Random
  /** Told of member files that are ignored because they are damaged. */
  readonly onProblem?: ((problem: KuraError) => void) | undefined
}

/** The port to coordination as a whole. Production has `DirectoryCoordinator.open`. */
export type OpenCoordinator = (options: DirectoryCoordinatorOptions) => Promise<Coordinator>

const ELECTION_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/

export class DirectoryCoordinator implements Coordinator {
  readonly #options: DirectoryCoordinatorOptions
  readonly #members: MemberDirectory
  readonly #leaderships = new Set<DirectoryLeadership>()
  readonly #announced = new Map<string, AnnouncedMember>()
  readonly #closing = new AbortController()

  private constructor(options: DirectoryCoordinatorOptions) {
    this.#options = options
    this.#members = new MemberDirectory({
      path: join(options.directory, 'members'),
      clock: options.clock,
      random: options.random,
      onProblem: options.onProblem ?? (() => undefined),
    })
  }

  /** Makes what is missing of the directory. */
  static async open(options: DirectoryCoordinatorOptions): Promise<DirectoryCoordinator> {
    await mkdir(join(options.directory, 'elections'), { recursive: true })
    await mkdir(join(options.directory, 'members'), { recursive: true })
    return new DirectoryCoordinator(options)
  }

  async campaign(election: string, options: { readonly signal: AbortSignal }): Promise<Leadership> {
    if (!ELECTION_PATTERN.test(election)) {
      throw new KuraError('invalid-argument', 'an election is named by a–z, 0–9 and dash')
    }
    const { clock, random, directory } = this.#options
    const signal = AbortSignal.any([options.signal, this.#closing.signal])
    const path = join(directory, 'elections', `${election}.lock`)
    for (;;) {
      signal.throwIfAborted()
      const lock = await FileLock.tryTake(path)
      if (lock !== undefined) return await this.#lead({ election, lock, signal })
      await clock.sleep(CAMPAIGN_POLL_MS * (1 + random.next()), { signal })
    }
  }

  async announce(member: Member): Promise<Announcement> {
    const token = this.#options.random.bytes(8).toString('hex')
    const announced: AnnouncedMember = { member, token }
    await this.#members.write(announced)
    this.#announced.set(token, announced)
    return { withdraw: () => this.#withdraw(announced) }
  }

  async members(kind: MemberKind): Promise<readonly Member[]> {
    return await this.#members.list(kind)
  }

  /** Resigns and withdraws all that was won and announced through this object. */
  async close(): Promise<void> {
    this.#closing.abort(new KuraError('shutting-down', 'the coordinator is closed'))
    for (const announced of [...this.#announced.values()]) await this.#withdraw(announced)
    for (const leadership of [...this.#leaderships]) await leadership.resign()
  }

  async #withdraw(announced: AnnouncedMember): Promise<void> {
    if (!this.#announced.delete(announced.token)) return
    await this.#members.remove(announced)
  }

  async #lead(won: {
    readonly election: string
    readonly lock: FileLock
    readonly signal: AbortSignal
  }): Promise<Leadership> {
    if (won.signal.aborted) {
      await won.lock.release()
      won.signal.throwIfAborted()
    }
    const leadership = new DirectoryLeadership({
      election: won.election,
      lock: won.lock,
      clock: this.#options.clock,
      ended: (ended) => this.#leaderships.delete(ended),
    })
    this.#leaderships.add(leadership)
    return leadership
  }
}
