import type { BlockIndexHandlers, HandlerParts } from './handler.ts'

/** A copy of the index as it was at one moment; puts go on. */
export function backUp(parts: HandlerParts): BlockIndexHandlers['backUp'] {
  return () => parts.store.backUp()
}
