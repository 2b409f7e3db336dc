/** What operators did and what the registry changed by itself; written with the change. */
import type { KuraDatabase, Statement } from '@kura/database'

export interface AuditEntry {
  /** Kind and id of the caller, e.g. `cli operator`; `zone-master` for its own decisions. */
  readonly actor: string
  readonly requestId: string
  /** The RPC or change in kebab-case, e.g. `set-cell-weight`. */
  readonly operation: string
  /** What it was done to, e.g. `cell 1` or a disk UUID. */
  readonly subject: string
  /** `done`, or the code of the error. */
  readonly outcome: string
  readonly details: Readonly<Record<string, string | number | boolean>>
}

export interface StoredAuditEntry extends AuditEntry {
  readonly atMs: number
  readonly epoch: number
}

interface AuditRow {
  readonly at_ms: number
  readonly epoch: number
  readonly actor: string
  readonly request_id: string
  readonly operation: string
  readonly subject: string
  readonly outcome: string
  readonly details: string
}

export class AuditLog {
  readonly #insert: Statement<never>
  readonly #selectLast: Statement<AuditRow>

  constructor(database: KuraDatabase) {
    this.#insert = database.prepare(
      `insert into audit_log
         (at_ms, epoch, actor, request_id, operation, subject, outcome, details)
       values (@atMs, @epoch, @actor, @requestId, @operation, @subject, @outcome, @details)`,
    )
    this.#selectLast = database.prepare('select * from audit_log order by entry_id desc limit ?')
  }

  /** REQUIRES: a transaction of the registry. */
  append(entry: StoredAuditEntry): void {
    this.#insert.run({ ...entry, details: JSON.stringify(entry.details) })
  }

  /** The last entries, newest first. */
  last(count: number): readonly StoredAuditEntry[] {
    return this.#selectLast.all(count).map((row) => ({
      atMs: row.at_ms,
      epoch: row.epoch,
      actor: row.actor,
      requestId: row.request_id,
      operation: row.operation,
      subject: row.subject,
      outcome: row.outcome,
      details: parseDetails(row.details),
    }))
  }
}

/** The column holds what `append` wrote: an object of plain values. */
function parseDetails(text: string): AuditEntry['details'] {
  return JSON.parse(text) as AuditEntry['details']
}
