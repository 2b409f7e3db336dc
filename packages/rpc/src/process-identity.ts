/**
 * Who calls whom. Every call between processes names its caller in one metadata value, and the
 * server compares it with itself before the handler runs: pockets never meet, zones do not share
 * internals, and a node of one cell does not obey the manager of another.
 */
import {
  KuraError,
  parseCellId,
  parsePocketId,
  parseZoneId,
  type CellId,
  type MemberKind,
  type PocketId,
  type ZoneId,
} from '@kura/core'

export interface ProcessIdentity {
  readonly pocket: PocketId
  readonly zone: ZoneId
  /** Absent for processes of the whole zone. */
  readonly cellId?: CellId | undefined
  readonly kind: CallerKind
  /** The member id; for a person's shell any short word without spaces. */
  readonly id: string
}

export type CallerKind = MemberKind | 'cli'

const CALLER_KINDS: readonly CallerKind[] = [
  'frontend',
  'block-index',
  'zone-master',
  'volume-manager',
  'storage-node',
  'cli',
]
const NO_CELL = '-'
const ID_PATTERN = /^[A-Za-z0-9._-]{1,100}$/

/** One line, e.g. `local a 1 storage-node 1-3`. */
export function encodeCaller(identity: ProcessIdentity): string {
  const { pocket, zone, cellId, kind, id } = identity
  return [pocket, zone, cellId ?? NO_CELL, kind, id].join(' ')
}

/** Throws `identity-mismatch` for a line that is not of that form. */
export function decodeCaller(line: string): ProcessIdentity {
  const [pocket, zone, cell, kindText, id, ...rest] = line.split(' ')
  const kind = CALLER_KINDS.find((known) => known === kindText)
  if (!pocket || !zone || !cell || !kind || !id || !ID_PATTERN.test(id) || rest.length > 0) {
    throw new KuraError('identity-mismatch', 'the call does not say who makes it')
  }
  return Object.freeze({
    pocket: parsePocketId(pocket),
    zone: parseZoneId(zone),
    ...(cell === NO_CELL ? {} : { cellId: parseCellId(Number(cell)) }),
    kind,
    id,
  })
}

/** Throws `identity-mismatch` unless pocket, zone and, where both have one, cell are the same. */
export function assertSamePlace(own: ProcessIdentity, caller: ProcessIdentity): void {
  const sameCell =
    own.cellId === undefined || caller.cellId === undefined || own.cellId === caller.cellId
  if (own.pocket === caller.pocket && own.zone === caller.zone && sameCell) return
  throw new KuraError('identity-mismatch', 'the caller belongs to another place', {
    details: { own: encodeCaller(own), caller: encodeCaller(caller) },
    hint: 'check the POCKET, ZONE and CELL_ID settings and the addresses of both processes',
  })
}
