/** The settings of a service that is driven alone, as variables. */
import { join } from 'node:path'
import type { MarkedKind } from './marked-process.ts'

export function serviceEnvironment(
  kind: MarkedKind,
  directory: string,
  own: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const prefix = `KURA_${kind.replaceAll('-', '_').toUpperCase()}_`
  const shared = {
    COORDINATION_DIR: join(directory, 'coordination'),
    LOG_LEVEL: 'info',
    // No process outlives its test.
    STOP_WITH_STDIN: 'true',
  }
  const all = Object.entries({ ...shared, ...own })
  return Object.fromEntries(all.map(([name, value]) => [prefix + name, value]))
}
