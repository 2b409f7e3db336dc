import type { HandlerParts, ZoneMasterHandlers } from './handler.ts'

/** A copy of the registry as it was at one moment; its leader goes on. */
export function backUp(parts: HandlerParts): ZoneMasterHandlers['backUp'] {
  return () => parts.term().registry.backUp(parts.random)
}
