/** What a backup says of itself: one line of JSON beside the copy of the database. */
import { KuraError, parseCellId, parsePocketId, parseZoneId, type Incarnation } from '@kura/core'
import { parseKind, type DatabaseIdentity } from './genesis.ts'

const FORMAT_VERSION = 1
const SHA256_PATTERN = /^[0-9a-f]{64}$/
const INCARNATION_RANDOM_PATTERN = /^[0-9a-f]{16}$/

export interface BackupManifest extends DatabaseIdentity {
  readonly incarnation: Incarnation
  /** Of its leader when the copy was begun; 0 for stores without one. */
  readonly epoch: number
  readonly takenAtMs: number
  readonly sizeBytes: number
  /** Of the copy, hex. */
  readonly sha256: string
}

export function encodeManifest(manifest: BackupManifest): string {
  return JSON.stringify({ formatVersion: FORMAT_VERSION, ...manifest })
}

/** Throws `format-invalid` and `format-too-new`. */
export function decodeManifest(text: string): BackupManifest {
  const fields = fieldsOf(parseJson(text))
  const formatVersion = integerOf(fields, 'formatVersion')
  if (formatVersion > FORMAT_VERSION) {
    throw new KuraError('format-too-new', 'the backup was taken by a newer Kura', {
      details: { formatVersion },
      hint: 'use a version at least as new as the one that took it',
    })
  }
  const incarnation = fieldsOf(fields.get('incarnation'))
  const cellId = fields.has('cellId') ? parseCellId(integerOf(fields, 'cellId')) : undefined
  return Object.freeze({
    pocket: parsePocketId(textOf(fields, 'pocket', /./)),
    zone: parseZoneId(textOf(fields, 'zone', /./)),
    ...(cellId === undefined ? {} : { cellId }),
    kind: parseKind(textOf(fields, 'kind', /./)),
    incarnation: Object.freeze({
      number: integerOf(incarnation, 'number'),
      random: textOf(incarnation, 'random', INCARNATION_RANDOM_PATTERN),
    }),
    epoch: integerOf(fields, 'epoch'),
    takenAtMs: integerOf(fields, 'takenAtMs'),
    sizeBytes: integerOf(fields, 'sizeBytes'),
    sha256: textOf(fields, 'sha256', SHA256_PATTERN),
  })
}

type Fields = ReadonlyMap<string, unknown>

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new KuraError('format-invalid', 'the manifest of the backup is not readable', {
      cause: error,
    })
  }
}

function fieldsOf(value: unknown): Fields {
  if (typeof value === 'object' && value !== null) return new Map(Object.entries(value))
  throw new KuraError('format-invalid', 'the manifest of the backup is not readable')
}

function integerOf(fields: Fields, name: string): number {
  const value = fields.get(name)
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new KuraError('format-invalid', `the manifest of the backup has no sound ${name}`)
}

function textOf(fields: Fields, name: string, pattern: RegExp): string {
  const value = fields.get(name)
  if (typeof value === 'string' && pattern.test(value)) return value
  throw new KuraError('format-invalid', `the manifest of the backup has no sound ${name}`)
}
