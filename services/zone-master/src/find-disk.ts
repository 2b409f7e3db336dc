import { KuraError, parseDiskUuid } from '@kura/core'
import type { LeaderTerm } from './leader-term.ts'
import type { RegisteredDisk } from './store/disk-table.ts'

/** Throws `invalid-argument` for a disk that the zone never had, `state-conflict` for one out. */
export function findDisk(term: LeaderTerm, uuidText: string): RegisteredDisk {
  const diskUuid = parseDiskUuid(uuidText)
  const disk = term.registry.findDisk(diskUuid)
  if (disk === undefined) {
    throw new KuraError('invalid-argument', 'the zone has no such disk', { details: { diskUuid } })
  }
  if (disk.state === 'out') {
    throw new KuraError('state-conflict', 'the disk is out of the zone', { details: { diskUuid } })
  }
  return disk
}
