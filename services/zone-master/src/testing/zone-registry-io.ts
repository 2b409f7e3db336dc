/** Every durable operation of the zone registry, for `runWithWatchedIo`. */
import { parseCellId, parseDiskUuid, parseOsdId, parsePocketId, parseZoneId } from '@kura/core'
import {
  copyMedium,
  initialiseDatabase,
  openDatabase,
  type KuraDatabase,
  type OpenDatabaseOptions,
} from '@kura/database'
import { checkStoreIo, describeTables, ManualClock, SeededRandom } from '@kura/testkit'
import { planReport } from '../plan-report.ts'
import { databaseIdentity, databasePath, MIGRATIONS } from '../store/schema.ts'
import { ZoneRegistry } from '../store/zone-registry.ts'

const IDENTITY = databaseIdentity({ pocket: parsePocketId('test'), zone: parseZoneId('a') })
const CELL = parseCellId(1)
const OPERATOR = { actor: 'cli anna', requestId: 'r-1' }
const DISKS = [1, 2, 3].map((digit) => ({
  diskUuid: parseDiskUuid(`00000000-0000-4000-8000-00000000000${digit}`),
  osdId: parseOsdId(digit),
  domains: { rack: 'r', power: 'p', vendor: 'v', firmware: 'f' },
  reachable: true,
}))

function openRegistry(
  directory: string,
  options: Pick<OpenDatabaseOptions, 'verify' | 'medium'> = {},
): KuraDatabase {
  const path = databasePath(directory)
  return openDatabase({ path, expected: IDENTITY, migrations: MIGRATIONS, ...options })
}

function open(directory: string): ZoneRegistry {
  const database = openRegistry(directory)
  try {
    return ZoneRegistry.takeOver({ database, clock: new ManualClock() })
  } catch (error) {
    database.close()
    throw error
  }
}

function report(registry: ZoneRegistry, state: 'joining' | 'suspect'): void {
  const view = { cells: registry.zoneMap().cells, disks: registry.disks() }
  const disks = DISKS.map((disk) => ({ ...disk, state }))
  registry.applyReport(CELL, planReport(view, { cellId: CELL, disks }, 0))
}

const counts = await checkStoreIo<ZoneRegistry>({
  initialise: (directory) => {
    initialiseDatabase({
      path: databasePath(directory),
      genesis: IDENTITY,
      random: new SeededRandom(1),
      migrations: MIGRATIONS,
    })
  },
  open,
  close: async (registry) => registry.close(),
  hasFailed: (registry) => registry.failure !== undefined,
  readState: (directory) => {
    const database = openRegistry(directory, { verify: true, medium: copyMedium })
    try {
      // Epochs and the numbers of entries rise with every attempt, whatever became of it.
      return describeTables(database).replace(/"epoch":\d+|"seq":\d+|"entry_id":\d+/g, '')
    } finally {
      database.close()
    }
  },
  operations: [
    { name: 'register a cell and its disks', run: async (registry) => report(registry, 'joining') },
    {
      name: 'set the weight of a cell',
      run: async (registry) => {
        registry.setCellWeight({ cellId: CELL, weight: 30 }, OPERATOR)
      },
    },
    { name: 'note suspect disks', run: async (registry) => report(registry, 'suspect') },
    {
      name: 'readmit a disk',
      run: async (registry) => {
        const [disk] = DISKS
        if (disk === undefined) throw new Error('there are disks')
        const entry = { ...OPERATOR, operation: 'verify-disk', subject: disk.diskUuid }
        registry.readmitDisk(disk.diskUuid, { ...entry, outcome: 'done', details: {} })
      },
    },
    { name: 'move the log into the file', run: async (registry) => registry.checkpoint() },
  ],
})
process.stdout.write(JSON.stringify(counts))
