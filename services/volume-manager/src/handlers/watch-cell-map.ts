import type { WatchCellMapRequest } from '@kura/proto'
import type { CallContext } from '@kura/rpc'
import type { Cell } from '../cell.ts'
import { MapStream } from '../map-stream.ts'

/** Snapshot (or the changes since a known version), then every change, until leadership ends. */
export function watchCellMap(cell: Cell, request: WatchCellMapRequest, context: CallContext) {
  return new MapStream(cell, context.signal).updates(request)
}
