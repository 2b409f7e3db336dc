/** Every durable operation of the replication table, for `runWithWatchedIo`. */
import {
  parseBucketId,
  parseCellId,
  parseDiskUuid,
  parseExtentId,
  parseOrderId,
  parseOsdId,
  parsePocketId,
  parseVolumeId,
  parseZoneId,
} from '@kura/core'
import { copyMedium, type KuraDatabase } from '@kura/database'
import { checkStoreIo, describeTables, SeededRandom } from '@kura/testkit'
import {
  initialiseReplicationTable,
  openReplicationDatabase,
  ReplicationTable,
  type TablePlace,
} from '../store/replication-table.ts'

const CELL = parseCellId(3)
const DISKS = [1, 2, 3].map((digit) => parseDiskUuid(`00000000-0000-4000-8000-00000000000${digit}`))
const DOMAINS = { rack: 'r', power: 'p', vendor: 'v', firmware: 'f' }

interface Opened {
  readonly database: KuraDatabase
  readonly table: ReplicationTable
}

function placeIn(directory: string): TablePlace {
  const [pocket, zone] = [parsePocketId('test'), parseZoneId('a')]
  return { dataDir: directory, pocket, zone, cellId: CELL }
}

function open(directory: string): Opened {
  const database = openReplicationDatabase(placeIn(directory))
  try {
    return { database, table: ReplicationTable.takeOver(database, CELL) }
  } catch (error) {
    database.close()
    throw error
  }
}

function readState(directory: string): string {
  const database = openReplicationDatabase({ ...placeIn(directory), verify: true }, copyMedium)
  try {
    // Epochs and reserved counters rise with every attempt, whatever became of it.
    return describeTables(database).replace(/"epoch":\d+|"next_counter":\d+/g, '')
  } finally {
    database.close()
  }
}

/** In every operation the ids are the same, whatever an attempt before it has used up. */
const VOLUME = parseVolumeId(1001)
const NEW_VOLUME = {
  volumeId: VOLUME,
  bucketId: parseBucketId(1002),
  salt: '0123456789abcdef',
  capacityBytes: 1 << 28,
  orderId: parseOrderId(1003),
  extents: DISKS.map((diskUuid, index) => ({ extentId: parseExtentId(2000 + index), diskUuid })),
}

const REPAIR = parseOrderId(3000)

function closeVolume({ volumes }: ReplicationTable): void {
  const extents = (volumes.get(VOLUME)?.extents ?? []).map((extent, index) => {
    const state = index === 2 ? ('source' as const) : ('in-force' as const)
    return { ...extent, lengthBytes: 8192, state }
  })
  volumes.markClosed({ volumeId: VOLUME, digest: 'ab'.repeat(32), recordCount: 7, extents })
}

const counts = await checkStoreIo<Opened>({
  initialise: (directory) => {
    initialiseReplicationTable(placeIn(directory), new SeededRandom(1))
  },
  open,
  close: async ({ database }) => database.close(),
  hasFailed: ({ database }) => database.failure !== undefined,
  readState,
  operations: [
    ...DISKS.map((diskUuid, index) => ({
      name: `put disk ${index}`,
      run: async ({ table }: Opened) => {
        const osdId = parseOsdId(index + 1)
        table.disks.put({ diskUuid, osdId, domains: DOMAINS, state: 'in-service' })
      },
    })),
    {
      name: 'take over and reserve counters',
      run: async ({ table }) => {
        table.ids.nextVolumeId()
      },
    },
    {
      name: 'trust an incarnation of the block index',
      run: async ({ table }) => {
        if (table.transactions.trustedIndexIncarnation() !== undefined) return
        table.transactions.trustIndexIncarnation({ number: 1, random: 'fedcba9876543210' })
      },
    },
    { name: 'insert a volume', run: async ({ table }) => table.volumes.insertCreating(NEW_VOLUME) },
    { name: 'open a volume', run: async ({ table }) => table.volumes.markOpen(VOLUME) },
    {
      name: 'begin to close a volume',
      run: async ({ table }) => table.volumes.markClosing(VOLUME, 'full'),
    },
    { name: 'close a volume', run: async ({ table }) => closeVolume(table) },
    {
      name: 'put a copy in force',
      run: async ({ table }) => {
        const [extentId, volumeId] = [parseExtentId(2002), VOLUME]
        table.volumes.putInForce({ volumeId, extentId, lengthBytes: 8192 })
      },
    },
    {
      name: 'begin a repair',
      run: async ({ table }) => table.volumes.beginRepair(VOLUME, REPAIR),
    },
    {
      name: 'commit a repair',
      run: async ({ table }) => {
        table.volumes.commitRepair({
          ...{ volumeId: VOLUME, orderId: REPAIR, digest: 'cd'.repeat(32), recordCount: 8 },
          built: [{ extentId: parseExtentId(2002), lengthBytes: 4096 }],
          retired: [parseExtentId(2000)],
        })
      },
    },
    {
      name: 'move the log into the file',
      run: async ({ database }) => {
        database.checkpoint()
      },
    },
  ],
})
process.stdout.write(JSON.stringify(counts))
