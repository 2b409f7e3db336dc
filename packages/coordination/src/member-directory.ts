/**
 * Announcements as files. Writers of one directory take turns under a lock, so that withdrawing an
 * old announcement cannot remove a newer one; readers need no lock.
 */
import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import {
  KuraError,
  toKuraError,
  type Clock,
  type Member,
  type MemberKind,
  type Random,
} from '@kura/core'
import { errnoOf } from './errno.ts'
import { FileLock } from './file-lock.ts'
import {
  MEMBER_FILE_BYTES_MAX,
  MEMBERS_LOCK_POLL_MS,
  MEMBERS_LOCK_TIMEOUT_MS,
  REPORTED_FILES_MAX,
} from './limits.ts'
import { decodeMember, encodeMember, memberFileName, type AnnouncedMember } from './member-file.ts'

const SCRATCH_SUFFIX = '.new'

export interface MemberDirectoryOptions {
  readonly path: string
  readonly clock: Clock
  readonly random: Random
  /** Told once of each file that is not what it should be. */
  readonly onProblem: (problem: KuraError) => void
}

export class MemberDirectory {
  readonly #options: MemberDirectoryOptions
  readonly #reported = new Set<string>()

  constructor(options: MemberDirectoryOptions) {
    this.#options = options
  }

  /** Durable: the file and its directory entry. */
  async write(announced: AnnouncedMember): Promise<void> {
    const { kind, id } = announced.member
    const fileName = memberFileName(id)
    const directory = join(this.#options.path, kind)
    await mkdir(directory, { recursive: true })
    await this.#underLock(directory, async () => {
      await removeScratch(directory, fileName)
      const scratchPath = join(directory, `${fileName}.${announced.token}${SCRATCH_SUFFIX}`)
      await writeSynced(scratchPath, encodeMember(announced))
      await rename(scratchPath, join(directory, fileName))
      await syncDirectory(directory)
    })
  }

  /** Removes the announcement unless a later one has replaced it. */
  async remove({ member, token }: AnnouncedMember): Promise<void> {
    const directory = join(this.#options.path, member.kind)
    const path = join(directory, memberFileName(member.id))
    try {
      await this.#underLock(directory, async () => {
        const standing = decodeMember(await readFile(path, 'utf8'))
        if (standing.token !== token) return
        await unlink(path)
        await syncDirectory(directory)
      })
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return
      throw error
    }
  }

  /** Every readable announcement, by id. Throws `unavailable` where the directory is gone. */
  async list(kind: MemberKind): Promise<Member[]> {
    const directory = join(this.#options.path, kind)
    const names = await this.#listNames(directory)
    const members: Member[] = []
    for (const name of names.sort()) {
      const member = await this.#readMember(join(directory, name), { kind, name })
      if (member !== undefined) members.push(member)
    }
    return members
  }

  async #listNames(directory: string): Promise<string[]> {
    try {
      return (await readdir(directory)).filter((name) => name.endsWith('.json'))
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' && (await exists(this.#options.path))) return []
      throw new KuraError('unavailable', 'the coordination directory cannot be read', {
        details: { directory },
        cause: error,
      })
    }
  }

  async #readMember(
    path: string,
    expected: { readonly kind: MemberKind; readonly name: string },
  ): Promise<Member | undefined> {
    try {
      const { size } = await stat(path)
      if (size > MEMBER_FILE_BYTES_MAX) throw new KuraError('format-invalid', 'too large')
      const { member } = decodeMember(await readFile(path, 'utf8'))
      if (member.kind !== expected.kind || memberFileName(member.id) !== expected.name) {
        throw new KuraError('format-invalid', 'kind or id differ from the path')
      }
      return member
    } catch (error) {
      // Withdrawn between listing and reading.
      if (errnoOf(error) !== 'ENOENT') this.#report(path, error)
      return undefined
    }
  }

  #report(path: string, error: unknown): void {
    const reason = toKuraError(error, 'unavailable')
    const key = `${path} ${reason.message}`
    if (this.#reported.has(key)) return
    if (this.#reported.size >= REPORTED_FILES_MAX) this.#reported.clear()
    this.#reported.add(key)
    this.#options.onProblem(
      new KuraError(reason.code, `a member file is ignored: ${reason.message}`, {
        details: { path },
        cause: error,
        hint: 'remove the file, or restart the process that it names',
      }),
    )
  }

  async #underLock(directory: string, action: () => Promise<void>): Promise<void> {
    const lock = await this.#takeLock(join(directory, 'LOCK'))
    try {
      await action()
    } finally {
      await lock.release()
    }
  }

  async #takeLock(path: string): Promise<FileLock> {
    const { clock, random } = this.#options
    const giveUpAtMs = clock.monotonicMs() + MEMBERS_LOCK_TIMEOUT_MS
    for (;;) {
      const lock = await FileLock.tryTake(path)
      if (lock !== undefined) return lock
      if (clock.monotonicMs() >= giveUpAtMs) {
        throw new KuraError('locked', 'another process holds the members lock', {
          details: { path },
        })
      }
      await clock.sleep(MEMBERS_LOCK_POLL_MS * (1 + random.next()))
    }
  }
}

/** What a writer left that died before its rename. REQUIRES: the directory's lock is held. */
async function removeScratch(directory: string, fileName: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(`${fileName}.`) || !name.endsWith(SCRATCH_SUFFIX)) continue
    await unlink(join(directory, name))
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}
