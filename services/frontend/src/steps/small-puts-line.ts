import { BatchLine, type Clock } from '@kura/core'
import type { PickedVolume } from '@kura/placement'
import { EXCHANGE_BLOCKS_BYTES_MAX, BLOCKS_PER_EXCHANGE_MAX } from '@kura/transport'
import {
  SMALL_PUT_GROUP_PATIENCE_MS,
  SMALL_PUT_GROUPS_MAX,
  SMALL_PUTS_WAITING_MAX,
} from '../limits.ts'
import type { Put } from './put.ts'
import { writeGroup } from './write-group.ts'

/** Where small puts wait for the group that they are written with. */
export function smallPutsLine(clock: Clock): BatchLine<Put, PickedVolume> {
  return new BatchLine({
    clock,
    run: writeGroup,
    itemsMax: BLOCKS_PER_EXCHANGE_MAX,
    batchesMax: SMALL_PUT_GROUPS_MAX,
    waitingMax: SMALL_PUTS_WAITING_MAX,
    weight: { of: ({ call }) => call.sizeBytes, max: EXCHANGE_BLOCKS_BYTES_MAX },
    patienceMs: SMALL_PUT_GROUP_PATIENCE_MS,
  })
}
