import { initialiseDatabase, type DatabaseMedium, type Genesis } from '@kura/database'
import { SystemRandom } from '@kura/runtime'
import type { Random } from '@kura/core'
import type { ZoneMasterConfig } from './config.ts'
import { databaseIdentity, databasePath, MIGRATIONS } from './store/schema.ts'

/**
 * Genesis of a zone registry. Throws `already-initialised` where there is one.
 * Durable: the database with its genesis row.
 */
export function initialiseZoneMaster(
  config: ZoneMasterConfig,
  overrides: { readonly random?: Random; readonly medium?: DatabaseMedium } = {},
): Genesis {
  return initialiseDatabase({
    path: databasePath(config.dataDir),
    genesis: databaseIdentity(config),
    random: overrides.random ?? new SystemRandom(),
    migrations: MIGRATIONS,
    medium: overrides.medium,
  })
}
