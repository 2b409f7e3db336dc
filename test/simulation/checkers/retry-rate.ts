/**
 * Whether clients keep their retries from becoming the load, as seen from outside: in any span of
 * time a client connects at most once for each of its operations, and for each retry that its
 * budget has: a burst of 32, a tenth for each operation, eight a second.
 */
import type { History, HistoryEntry } from './history.ts'

const BURST = 32
const PER_OPERATION = 0.1
const PER_SECOND = 8

export interface Connection {
  /** Who connects: one client library has one budget. */
  readonly client: number
  readonly frontend: number
  readonly atMs: number
}

/** The first client that connected too often; undefined where none did. */
export function findRetryStorm(
  connections: readonly Connection[],
  history: History,
): string | undefined {
  const nameOf = ({ client, frontend }: { client: number; frontend: number }): string => {
    return `client ${client} at frontend-${frontend}`
  }
  const operations = Map.groupBy(history, nameOf)
  for (const [name, own] of Map.groupBy(connections, nameOf)) {
    const times = own.map(({ atMs }) => atMs)
    const storm = findStorm(times, operations.get(name) ?? [])
    if (storm !== undefined) return `${name} ${storm}`
  }
  return undefined
}

/** In ascending order of both ends. */
function findStorm(times: readonly number[], operations: History): string | undefined {
  for (let last = BURST; last < times.length; last += 1) {
    for (let first = last - BURST; first >= 0; first -= 1) {
      const [fromMs, untilMs] = [times[first] ?? 0, times[last] ?? 0]
      const count = last - first + 1
      const timeTokens = (PER_SECOND * (untilMs - fromMs)) / 1000
      if (count <= BURST + timeTokens) continue
      const active = operations.filter((one) => isActive(one, { fromMs, untilMs })).length
      if (count <= active * (1 + PER_OPERATION) + BURST + timeTokens + 1) continue
      const span = `${fromMs.toFixed(0)}–${untilMs.toFixed(0)} ms`
      return `connected ${count} times for ${active} operations, ${span}`
    }
  }
  return undefined
}

function isActive(
  { invokedAtMs, endedAtMs }: HistoryEntry,
  span: { readonly fromMs: number; readonly untilMs: number },
): boolean {
  return invokedAtMs <= span.untilMs && endedAtMs >= span.fromMs
}
