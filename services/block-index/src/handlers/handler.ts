/** What every handler is given. */
import type { Clock, PocketId, ZoneId } from '@kura/core'
import type { BlockIndex } from '@kura/proto'
import type { RpcHandlers } from '@kura/rpc'
import type { Logger } from '@kura/runtime'
import type { IndexStore } from '../store/index-store.ts'
import type { EntryRecord } from '../answer-entries.ts'

export type BlockIndexHandlers = RpcHandlers<typeof BlockIndex>

export interface HandlerParts {
  readonly store: IndexStore
  readonly clock: Clock
  readonly logger: Logger
  readonly pocket: PocketId
  readonly zone: ZoneId
  /** Called for each entry of a call that brings many. */
  readonly onEntry: (record: EntryRecord) => void
}
