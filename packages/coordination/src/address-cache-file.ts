import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { KuraError, type Member, type MemberKind } from '@kura/core'
import { errnoOf } from './errno.ts'
import { parseMember } from './member-file.ts'

/** The last listings of an address book; what cannot be read counts as nothing. */
export interface AddressCache {
  read(): Promise<Map<MemberKind, readonly Member[]>>
  write(listings: ReadonlyMap<MemberKind, readonly Member[]>): Promise<void>
}

/**
 * The last listings of an address book, for a process that starts while coordination is down. A
 * cache: nothing is synced, and one that cannot be read counts as empty.
 */
export class AddressCacheFile implements AddressCache {
  readonly #path: string
  #writing: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  /** Empty where there is no file; throws `format-invalid` where it is damaged. */
  async read(): Promise<Map<MemberKind, readonly Member[]>> {
    const listings = new Map<MemberKind, Member[]>()
    for (const member of parseMembers(await this.#readText())) {
      listings.set(member.kind, [...(listings.get(member.kind) ?? []), member])
    }
    return listings
  }

  /** Replaces the file; writes follow one another. */
  write(listings: ReadonlyMap<MemberKind, readonly Member[]>): Promise<void> {
    const text = JSON.stringify({ formatVersion: 1, members: [...listings.values()].flat() })
    this.#writing = this.#writing.catch(() => undefined).then(() => this.#replace(text))
    return this.#writing
  }

  async #replace(text: string): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true })
    await writeFile(`${this.#path}.new`, text)
    await rename(`${this.#path}.new`, this.#path)
  }

  async #readText(): Promise<string> {
    try {
      return await readFile(this.#path, 'utf8')
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return '{"members":[]}'
      throw error
    }
  }
}

/** Throws `format-invalid`. */
export function parseMembers(text: string): Member[] {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && 'members' in value) {
      if (Array.isArray(value.members)) return value.members.map(parseMember)
    }
  } catch (error) {
    throw new KuraError('format-invalid', 'the address cache is damaged', { cause: error })
  }
  throw new KuraError('format-invalid', 'the address cache holds no members')
}
