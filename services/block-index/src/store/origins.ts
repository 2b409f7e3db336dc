/** Numbers for the few (zone, incarnation) pairs that ever took puts. */
import type { KuraDatabase, Statement } from '@kura/database'
import { assert, parseZoneId } from '@kura/core'
import type { Origin } from './index-store.ts'

interface StoredOrigin {
  readonly origin_id: number
  readonly zone: string
  readonly incarnation_number: number
  readonly incarnation_random: string
}

export class OriginTable {
  readonly #find: Statement<StoredOrigin>
  readonly #all: Statement<Pick<StoredOrigin, 'origin_id'>>
  /** Never more entries than zones of the pocket times their incarnations. */
  readonly #byId = new Map<number, Origin>()
  readonly #ids = new Map<Origin, number>()
  readonly #findByValue: Statement<StoredOrigin>

  constructor(database: KuraDatabase) {
    this.#find = database.prepare('select * from origins where origin_id = ?')
    this.#all = database.prepare('select origin_id from origins order by origin_id')
    this.#findByValue = database.prepare(
      `select * from origins
       where zone = ? and incarnation_number = ? and incarnation_random = ?`,
    )
  }

  /** Makes sure that the origin has a number. REQUIRES: not inside a transaction. */
  static register(database: KuraDatabase, origin: Origin): void {
    const insert = database.prepare(
      `insert into origins (zone, incarnation_number, incarnation_random) values (?, ?, ?)
       on conflict do nothing`,
    )
    const { number, random } = origin.incarnation
    database.transaction(() => insert.run(origin.zone, number, random))
  }

  /** Every origin that a row may name. */
  all(): readonly Origin[] {
    return this.#all.all().map(({ origin_id: originId }) => this.byId(originId))
  }

  byId(originId: number): Origin {
    const known = this.#byId.get(originId)
    if (known !== undefined) return known
    const stored = this.#find.get(originId)
    assert(stored !== undefined, 'every row has an origin in the table')
    const incarnation = Object.freeze({
      number: stored.incarnation_number,
      random: stored.incarnation_random,
    })
    const origin = Object.freeze({ zone: parseZoneId(stored.zone), incarnation })
    this.#byId.set(originId, origin)
    return origin
  }

  idOf(origin: Origin): number {
    const known = this.#ids.get(origin)
    if (known !== undefined) return known
    const { number, random } = origin.incarnation
    const stored = this.#findByValue.get(origin.zone, number, random)
    assert(stored !== undefined, 'an origin is registered before rows name it')
    this.#ids.set(origin, stored.origin_id)
    return stored.origin_id
  }
}
