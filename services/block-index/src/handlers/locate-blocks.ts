import type { LocateEntry } from '@kura/proto'
import { answerEntries } from '../answer-entries.ts'
import type { BlockIndexHandlers, HandlerParts } from './handler.ts'
import { findRow } from './locate-block.ts'

/** The rows of many blocks, each as `locateBlock` answers it. */
export function locateBlocks(parts: HandlerParts): BlockIndexHandlers['locateBlocks'] {
  const { onEntry } = parts
  const locate = async ({ hash }: LocateEntry) => await findRow(parts, hash)
  return async ({ entries }, context) => ({
    outcomes: await answerEntries(entries, locate, { context, onEntry }),
  })
}
