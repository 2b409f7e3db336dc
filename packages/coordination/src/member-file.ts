/**
 * The file behind one announcement: `members/<kind>/<id>.json`. It is replaced by rename, so that
 * a reader sees the old one or the new one; its token tells announcements of one id apart.
 */
import { KuraError, type Member, type MemberKind } from '@kura/core'

const FORMAT_VERSION = 1
const MEMBER_KINDS: readonly MemberKind[] = [
  'frontend',
  'block-index',
  'zone-master',
  'volume-manager',
  'storage-node',
]
const ID_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/

export interface AnnouncedMember {
  readonly member: Member
  /** New with every announcement. */
  readonly token: string
}

/** Throws `invalid-argument` for an id that is no file name of ours. */
export function memberFileName(id: string): string {
  if (!ID_PATTERN.test(id)) {
    throw new KuraError('invalid-argument', 'a member id is 1–63 of a–z, 0–9 and dash', {
      details: { given: id.slice(0, 80) },
    })
  }
  return `${id}.json`
}

export function encodeMember({ member, token }: AnnouncedMember): string {
  const { kind, id, addresses } = member
  const content = { formatVersion: FORMAT_VERSION, kind, id, addresses, token }
  return `${JSON.stringify(content, null, 2)}\n`
}

/** Throws `format-invalid`, or `format-too-new`. */
export function decodeMember(text: string): AnnouncedMember {
  const value = parseJson(text)
  if (!isRecord(value)) throw invalid('not a JSON object')
  const { formatVersion } = value
  if (typeof formatVersion !== 'number' || !Number.isInteger(formatVersion) || formatVersion < 1) {
    throw invalid('no format version')
  }
  if (formatVersion > FORMAT_VERSION) {
    throw new KuraError('format-too-new', 'a member file of a newer Kura')
  }
  const { token } = value
  if (typeof token !== 'string') throw invalid('no token')
  return { member: parseMember(value), token }
}

/** Throws `format-invalid`. */
export function parseMember(value: unknown): Member {
  if (!isRecord(value)) throw invalid('not a member')
  const { id, addresses } = value
  const kind = MEMBER_KINDS.find((known) => known === value['kind'])
  if (kind === undefined) throw invalid('unknown kind')
  if (typeof id !== 'string' || !ID_PATTERN.test(id)) throw invalid('bad id')
  if (!isRecord(addresses)) throw invalid('no addresses')
  return Object.freeze({ kind, id, addresses: Object.freeze(parseAddresses(addresses)) })
}

function parseAddresses(value: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(value).map(([listener, address]) => {
      if (typeof address !== 'string') throw invalid(`address ${listener} is no text`)
      return [listener, address]
    }),
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new KuraError('format-invalid', 'not JSON', { cause: error })
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(message: string): KuraError {
  return new KuraError('format-invalid', message)
}
