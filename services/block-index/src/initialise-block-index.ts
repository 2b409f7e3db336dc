import { initialiseDatabase, type DatabaseMedium, type Genesis } from '@kura/database'
import type { Random } from '@kura/core'
import type { BlockIndexConfig } from './config.ts'
import { databaseIdentity, databasePath, MIGRATIONS } from './store/schema.ts'

/**
 * Genesis of a zone's block index. Throws `already-initialised`.
 * Durable: the database and its directory entry.
 */
export function initialiseBlockIndex(
  config: BlockIndexConfig,
  random: Random,
  medium?: DatabaseMedium,
): Genesis {
  return initialiseDatabase({
    path: databasePath(config.dataDir),
    genesis: databaseIdentity(config),
    random,
    migrations: MIGRATIONS,
    medium,
  })
}
