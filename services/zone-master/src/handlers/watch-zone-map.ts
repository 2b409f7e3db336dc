import type { HandlerParts, ZoneMasterHandlers } from './handler.ts'
import type { ZoneMapContent } from '../store/zone-registry.ts'

/** The map as it is, then a new one at every change, until the watcher or the term ends. */
export function watchZoneMap(parts: HandlerParts): ZoneMasterHandlers['watchZoneMap'] {
  return async function* (_request, context) {
    const term = parts.term()
    const signal = AbortSignal.any([context.signal, term.ended])
    let sentVersion: number | undefined
    for (;;) {
      // Waiting begins before looking, so that no change falls between the two.
      const changed = term.zoneMapChanges.wait(signal)
      const map = term.registry.zoneMap()
      if (map.version !== sentVersion) yield encodeZoneMap(parts, map)
      sentVersion = map.version
      await changed
      context.signal.throwIfAborted()
      term.assertOngoing()
    }
  }
}

function encodeZoneMap(parts: HandlerParts, map: ZoneMapContent) {
  const { pocket, zone } = parts
  return { pocket, zone, version: BigInt(map.version), cells: [...map.cells] }
}
