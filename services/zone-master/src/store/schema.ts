/** The schema of the zone registry, as the list of its migrations; published ones never change. */
import { join } from 'node:path'
import type { PocketId, ZoneId } from '@kura/core'
import type { DatabaseIdentity, Migration } from '@kura/database'
import { firstSchema } from './migrations/0001-first-schema.ts'
import { lostDisks } from './migrations/0002-lost-disks.ts'

export const MIGRATIONS: readonly Migration[] = [firstSchema, lostDisks]

export function databasePath(dataDir: string): string {
  return join(dataDir, 'zone-registry.sqlite')
}

export function databaseIdentity(place: {
  readonly pocket: PocketId
  readonly zone: ZoneId
}): DatabaseIdentity {
  return { pocket: place.pocket, zone: place.zone, kind: 'zone-registry' }
}
