/**
 * The zone master as a whole: real sockets, real SQLite, real locks. Its peers are servers that
 * answer from a script.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { KuraError, parseCellId, parsePocketId, parseZoneId, type MemberKind } from '@kura/core'
import { DirectoryCoordinator } from '@kura/coordination'
import { BlockIndex, StorageNode, VolumeManager, ZoneMaster as ZoneMasterProto } from '@kura/proto'
import { createRpcClient, RpcServer, type ProcessIdentity, type RpcHandlers } from '@kura/rpc'
import { SystemClock, SystemRandom } from '@kura/runtime'
import { temporaryDirectory } from '@kura/testkit'
import { afterEach, expect, it } from 'vitest'
import { initialiseZoneMaster, parseConfig, ZoneMaster } from './index.ts'

const closers: (() => PromiseLike<unknown> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const UUID = '00000000-0000-4000-8000-000000000001'
const HASH = new Uint8Array(32).fill(7)
const BUCKET_ID = 2n ** 43n + 1n

const refuse = (): Promise<never> => Promise.reject(new KuraError('unimplemented', 'not here'))

class Zone {
  readonly directory: string
  readonly coordinator: DirectoryCoordinator

  private constructor(directory: string, coordinator: DirectoryCoordinator) {
    this.directory = directory
    this.coordinator = coordinator
  }

  static async create(): Promise<Zone> {
    const directory = await temporaryDirectory()
    closers.push(() => directory[Symbol.asyncDispose]())
    const coordinator = await DirectoryCoordinator.open({
      directory: join(directory.path, 'coordination'),
      clock: new SystemClock(),
      random: new SystemRandom(),
    })
    closers.push(() => coordinator.close())
    return new Zone(directory.path, coordinator)
  }

  config(instance = 1) {
    return parseConfig({
      KURA_ZONE_MASTER_POCKET: 'test',
      KURA_ZONE_MASTER_ZONE: 'a',
      KURA_ZONE_MASTER_DATA_DIR: join(this.directory, 'zone-master'),
      KURA_ZONE_MASTER_COORDINATION_DIR: join(this.directory, 'coordination'),
      KURA_ZONE_MASTER_INSTANCE: String(instance),
      KURA_ZONE_MASTER_LOG_LEVEL: 'silent',
    })
  }

  /** A started zone master; the first one initialises the registry. */
  async startMaster(instance = 1): Promise<ZoneMaster> {
    if (instance === 1) initialiseZoneMaster(this.config())
    return await this.restartMaster(instance)
  }

  async restartMaster(instance = 1): Promise<ZoneMaster> {
    const master = await ZoneMaster.create(this.config(instance))
    closers.push(() => master[Symbol.asyncDispose]())
    await master.start()
    return master
  }

  client(master: ZoneMaster, caller: Partial<ProcessIdentity> = {}) {
    const client = createRpcClient(ZoneMasterProto, {
      identity: { ...identityOf('cli', 'anna'), ...caller },
      resolve: async () => master.rpcAddress,
    })
    closers.push(() => client.close())
    return client
  }

  manager(master: ZoneMaster, cellId = 1) {
    return this.client(master, identityOf('volume-manager', `${cellId}-1`, cellId))
  }

  /** A server of `add`'s services, announced as a member. */
  async startPeer(kind: MemberKind, id: string, add: (server: RpcServer) => void): Promise<void> {
    const server = new RpcServer({ identity: identityOf(kind, id) })
    add(server)
    const rpc = await server.listen('127.0.0.1:0')
    closers.push(() => server.close({ graceMs: 0 }))
    await this.coordinator.announce({ kind, id, addresses: { rpc } })
  }

  startIndex(handlers: Partial<RpcHandlers<typeof BlockIndex>>): Promise<void> {
    return this.startPeer('block-index', '1', (server) =>
      server.add(BlockIndex, {
        locateBlock: refuse,
        locateBlocks: refuse,
        confirmBlock: refuse,
        recordBlocks: refuse,
        createGate: refuse,
        fenceBucket: refuse,
        readFeed: refuse,
        getIndexStatus: refuse,
        backUp: async function* () {},
        ...handlers,
      }),
    )
  }

  startNode(verifyDisk: RpcHandlers<typeof StorageNode>['verifyDisk']): Promise<void> {
    return this.startPeer('storage-node', '1-1', (server) =>
      server.add(StorageNode, {
        announceEpoch: refuse,
        createExtent: refuse,
        freezeExtent: refuse,
        listRecords: async function* () {},
        completeExtent: refuse,
        buildExtent: refuse,
        sealExtent: refuse,
        listExtents: refuse,
        probeDisk: refuse,
        verifyDisk,
        examineRecord: refuse,
      }),
    )
  }
}

function identityOf(kind: ProcessIdentity['kind'], id: string, cellId?: number): ProcessIdentity {
  const place = { pocket: parsePocketId('test'), zone: parseZoneId('a') }
  return { ...place, kind, id, ...(cellId === undefined ? {} : { cellId: parseCellId(cellId) }) }
}

function statusOf(state: string, overrides: object = {}) {
  const disk = { diskUuid: UUID, osdId: 1, domains: { rack: 'r1' }, state, reachable: true }
  return { status: { cellId: 1, epoch: 5n, leading: true, disks: [disk], ...overrides } }
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => 'ok',
    (error: unknown) => (error instanceof KuraError ? error.code : String(error)),
  )
}

it('a master without genesis does not start, and init does not run twice', async () => {
  const zone = await Zone.create()
  const master = await ZoneMaster.create(zone.config())
  closers.push(() => master[Symbol.asyncDispose]())
  expect(await codeOf(master.start())).toBe('genesis-missing')
  expect(await zone.coordinator.members('zone-master')).toEqual([])
  initialiseZoneMaster(zone.config())
  expect(await codeOf(Promise.resolve().then(() => initialiseZoneMaster(zone.config())))).toBe(
    'already-initialised',
  )
})

it('a new disk goes in service with the first report, also for the next leader', async () => {
  const zone = await Zone.create()
  const master = await zone.startMaster()
  const { disks } = await zone.manager(master).reportCell(statusOf('joining'))
  expect(disks).toMatchObject([{ diskUuid: UUID, state: 'in-service' }])
  await master[Symbol.asyncDispose]()
  const next = await zone.restartMaster()
  const status = await zone.client(next).getZoneStatus({})
  expect(status).toMatchObject({ pocket: 'test', zone: 'a', epoch: 2n })
  expect(status.weights).toMatchObject([{ cellId: 1, weight: 100 }])
  expect(status.cells[0]?.status?.disks).toMatchObject([
    { diskUuid: UUID, state: 'in-service', reachable: false, domains: { rack: 'r1' } },
  ])
})

it('a cell is reported by its own volume manager only, and a deposed one is refused', async () => {
  const zone = await Zone.create()
  const master = await zone.startMaster()
  expect(await codeOf(zone.client(master).reportCell(statusOf('joining')))).toBe(
    'identity-mismatch',
  )
  expect(await codeOf(zone.manager(master, 2).reportCell(statusOf('joining')))).toBe(
    'identity-mismatch',
  )
  const manager = zone.manager(master)
  await manager.reportCell(statusOf('joining'))
  expect(await codeOf(manager.reportCell(statusOf('joining', { epoch: 4n })))).toBe('stale-epoch')
  const rebuilt = { epoch: 1n, incarnation: { number: 2, random: '0123456789abcdef' } }
  expect(await codeOf(manager.reportCell(statusOf('joining', rebuilt)))).toBe('ok')
  expect(await codeOf(manager.reportCell({}))).toBe('protocol-violation')
})

it('watchers get the map at once and again at every change', async () => {
  const zone = await Zone.create()
  const master = await zone.startMaster()
  const client = zone.client(master)
  const maps: string[] = []
  const controller = new AbortController()
  const watching = (async () => {
    for await (const map of client.watchZoneMap({}, { signal: controller.signal })) {
      maps.push(map.cells.map(({ cellId, weight }) => `${cellId}:${weight}`).join(' '))
    }
  })()
  await expect.poll(() => maps).toEqual([''])
  await zone.manager(master).reportCell(statusOf('joining'))
  await expect.poll(() => maps).toEqual(['', '1:100'])
  await client.setCellWeight({ cellId: 1, weight: 0 })
  await expect.poll(() => maps).toEqual(['', '1:100', '1:0'])
  expect(await codeOf(client.setCellWeight({ cellId: 1, weight: 5_000 }))).toBe('invalid-argument')
  expect(await codeOf(client.setCellWeight({ cellId: 7, weight: 1 }))).toBe('invalid-argument')
  controller.abort()
  expect(await codeOf(watching)).toBe('cancelled')
})

it('a standby answers not-leader, and takes over when the leader stops', async () => {
  const zone = await Zone.create()
  const leader = await zone.startMaster(1)
  await zone.manager(leader).reportCell(statusOf('joining'))
  const standby = await zone.restartMaster(2)
  expect(standby.isLeading).toBe(false)
  const watch = zone.client(leader).watchZoneMap({})[Symbol.asyncIterator]()
  await watch.next()
  expect(await codeOf(zone.client(standby).getZoneStatus({}))).toBe('not-leader')
  expect(await readReasons(standby)).toEqual(['standby'])
  const ended = codeOf(watch.next())
  await leader[Symbol.asyncDispose]()
  expect(['not-leader', 'shutting-down']).toContain(await ended)
  await expect.poll(() => standby.isLeading, { timeout: 3_000 }).toBe(true)
  expect(await readReasons(standby)).toEqual([])
  const status = await zone.client(standby).getZoneStatus({})
  expect(status.epoch).toBe(2n)
  expect(status.weights).toHaveLength(1)
})

async function readReasons(master: ZoneMaster): Promise<string[]> {
  const response = await fetch(`http://${master.adminAddress}/readyz`)
  const body = (await response.json()) as { reasons: { code: string }[] }
  expect(response.status).toBe(body.reasons.length === 0 ? 200 : 503)
  return body.reasons.map(({ code }) => code)
}

it('the status names what answers and what does not, and never hangs', async () => {
  const zone = await Zone.create()
  const master = await zone.startMaster()
  await zone.startIndex({ getIndexStatus: () => sleep(60_000, {}) })
  const closed = { kind: 'frontend', id: '1', addresses: { http: '127.0.0.1:1' } } as const
  await zone.coordinator.announce(closed)
  const late = { leading: true, alarms: ['mass silence'] }
  await zone.manager(master).reportCell(statusOf('joining', late))
  const startedAtMs = performance.now()
  const status = await zone.client(master).getZoneStatus({})
  expect(performance.now() - startedAtMs).toBeLessThan(3_000)
  expect(status.indexReachable).toBe(false)
  const services = status.services.map(({ kind, reachable }) => `${kind} ${String(reachable)}`)
  expect(services).toEqual(['frontend false', 'block-index true', 'zone-master true'])
  expect(status.cells[0]?.status?.alarms).toEqual(['mass silence'])
})

it('the status shows what the block index counts', async () => {
  const zone = await Zone.create()
  const master = await zone.startMaster()
  await zone.startIndex({ getIndexStatus: async () => ({ rowCount: 12n }) })
  const status = await zone.client(master).getZoneStatus({})
  expect(status).toMatchObject({ indexReachable: true, indexRowCount: 12n })
})

it('locate joins the row of the index with the placement of the table', async () => {
  const zone = await Zone.create()
  const master = await zone.startMaster()
  const client = zone.client(master)
  expect(await codeOf(client.locateCopies({ hash: HASH }))).toBe('unavailable')
  await zone.startIndex({
    locateBlock: async ({ hash }) =>
      hash[0] === 7
        ? { found: true, live: true, row: { bucketId: BUCKET_ID, sizeBytes: 9, lastPutMs: 4 } }
        : { found: false },
  })
  await sleep(1_000)
  expect(await codeOf(client.locateCopies({ hash: HASH }))).toBe('unavailable')
  const volume = { volumeId: 3n, bucketId: BUCKET_ID, state: 'open' }
  await zone.startPeer('volume-manager', '1-1', (server) =>
    server.add(VolumeManager, {
      heartbeat: refuse,
      reportFailure: refuse,
      watchCellMap: async function* () {},
      getPlacements: async ({ bucketIds }) => {
        expect(bucketIds).toEqual([BUCKET_ID])
        return { volumes: [volume], disks: [{ diskUuid: UUID, osdId: 1 }] }
      },
      getCellStatus: refuse,
      repairCell: refuse,
      closeVolumes: refuse,
      trustIndex: refuse,
      describeDiskLoss: refuse,
      backUp: async function* () {},
    }),
  )
  await sleep(1_000)
  const copies = await client.locateCopies({ hash: HASH })
  expect(copies).toMatchObject({ live: true, sizeBytes: 9, lastPutMs: 4, bucketId: BUCKET_ID })
  expect(copies.volume).toMatchObject(volume)
  expect(copies.disks).toMatchObject([{ diskUuid: UUID }])
  const unknown = new Uint8Array(32)
  expect(await codeOf(client.locateCopies({ hash: unknown }))).toBe('not-found')
  expect(await codeOf(client.locateCopies({ hash: unknown.subarray(1) }))).toBe('invalid-hash')
})

it('a suspect disk stays suspect until a complete verification without damage', async () => {
  const zone = await Zone.create()
  const master = await zone.startMaster()
  const manager = zone.manager(master)
  const client = zone.client(master)
  const report = async (state: string): Promise<string | undefined> =>
    (await manager.reportCell(statusOf(state))).disks[0]?.state
  expect(await report('joining')).toBe('in-service')
  expect(await report('suspect')).toBe('suspect')
  expect(await report('in-service')).toBe('suspect')

  let damages = [{ part: 'chunk', diskUuid: UUID }]
  await zone.startNode(async () => ({
    extentsRead: 3n,
    bytesRead: 4096n,
    damages,
    readmitted: damages.length === 0,
  }))
  const refused = await client.verifyDisk({ diskUuid: UUID })
  expect(refused).toMatchObject({ damageCount: 1n, readmitted: false })
  expect(await report('in-service')).toBe('suspect')

  damages = []
  const verified = await client.verifyDisk({ diskUuid: UUID })
  expect(verified).toMatchObject({ extentsRead: 3n, bytesRead: 4096n, readmitted: true })
  // The cell still repeats the old word.
  expect(await report('suspect')).toBe('in-service')
})

it('every cell is asked what it would repair, and only an applied answer is noted', async () => {
  const zone = await Zone.create()
  const master = await zone.startMaster()
  await zone.manager(master).reportCell(statusOf('joining'))
  const asked: boolean[] = []
  await zone.startPeer('volume-manager', '1-1', (server) =>
    server.add(VolumeManager, {
      ...{ heartbeat: refuse, reportFailure: refuse, getPlacements: refuse, getCellStatus: refuse },
      ...{ closeVolumes: refuse, trustIndex: refuse, describeDiskLoss: refuse },
      backUp: async function* () {},
      watchCellMap: async function* () {},
      repairCell: async ({ apply }) => {
        asked.push(apply)
        return await Promise.resolve({ repairs: [{ volumeId: 5n, kind: 'replace' }] })
      },
    }),
  )
  const client = zone.client(master)
  const shown = await client.repairZone({ apply: false })
  expect(shown.cells).toMatchObject([{ cellId: 1, repairs: { repairs: [{ volumeId: 5n }] } }])
  await client.repairZone({ apply: true })
  expect(asked).toEqual([false, true])
})

it('a dead disk is declared lost once, and only a verification takes it back', async () => {
  const zone = await Zone.create()
  const master = await zone.startMaster()
  const client = zone.client(master)
  expect(await codeOf(client.declareDiskLost({ diskUuid: UUID }))).toBe('invalid-argument')
  const manager = zone.manager(master)
  const report = async (state: string): Promise<string | undefined> =>
    (await manager.reportCell(statusOf(state))).disks[0]?.state
  await report('joining')
  let reachable = true
  await zone.startPeer('volume-manager', '1-1', (server) =>
    server.add(VolumeManager, {
      ...{ heartbeat: refuse, reportFailure: refuse, getPlacements: refuse, getCellStatus: refuse },
      ...{ closeVolumes: refuse, trustIndex: refuse, repairCell: refuse },
      backUp: async function* () {},
      watchCellMap: async function* () {},
      describeDiskLoss: async ({ diskUuid }) =>
        await Promise.resolve({ disk: { diskUuid, osdId: 1, reachable }, closedCopies: 7n }),
    }),
  )
  const apply = { diskUuid: UUID, apply: true }
  expect(await client.declareDiskLost({ diskUuid: UUID })).toMatchObject({ closedCopies: 7n })
  expect(await codeOf(client.declareDiskLost(apply))).toBe('state-conflict')
  expect(await report('in-service')).toBe('in-service')

  reachable = false
  expect(await client.declareDiskLost(apply)).toMatchObject({ closedCopies: 7n })
  expect(await report('in-service')).toBe('lost')
  expect(await codeOf(client.declareDiskLost(apply))).toBe('state-conflict')

  let damages = [{ part: 'chunk', diskUuid: UUID }]
  await zone.startNode(async () => ({ extentsRead: 3n, damages, readmitted: true }))
  expect(await client.verifyDisk({ diskUuid: UUID })).toMatchObject({ readmitted: false })
  expect(await report('lost')).toBe('lost')
  damages = []
  expect(await client.verifyDisk({ diskUuid: UUID })).toMatchObject({ readmitted: true })
  expect(await report('lost')).toBe('in-service')
})

it('a disk that answers is declared lost only on purpose, also while it is verified', async () => {
  const zone = await Zone.create()
  const master = await zone.startMaster()
  const client = zone.client(master)
  const manager = zone.manager(master)
  await manager.reportCell(statusOf('joining'))
  await zone.startPeer('volume-manager', '1-1', (server) =>
    server.add(VolumeManager, {
      ...{ heartbeat: refuse, reportFailure: refuse, getPlacements: refuse, getCellStatus: refuse },
      ...{ closeVolumes: refuse, trustIndex: refuse, repairCell: refuse },
      backUp: async function* () {},
      watchCellMap: async function* () {},
      describeDiskLoss: async () => await Promise.resolve({ disk: { reachable: true } }),
    }),
  )
  await zone.startNode(async () => {
    await client.declareDiskLost({ diskUuid: UUID, apply: true, evenThoughAlive: true })
    return { extentsRead: 3n, damages: [], readmitted: true }
  })
  expect(await client.verifyDisk({ diskUuid: UUID })).toMatchObject({ readmitted: false })
  const { disks } = await manager.reportCell(statusOf('in-service'))
  expect(disks[0]?.state).toBe('lost')
})

it('only a disk that its node shows now is verified', async () => {
  const zone = await Zone.create()
  const master = await zone.startMaster()
  const client = zone.client(master)
  expect(await codeOf(client.verifyDisk({ diskUuid: UUID }))).toBe('invalid-argument')
  expect(await codeOf(client.verifyDisk({ diskUuid: 'x' }))).toBe('invalid-argument')
  const manager = zone.manager(master)
  await manager.reportCell(statusOf('joining'))
  await manager.reportCell(statusOf('in-service', { disks: [] }))
  expect(await codeOf(client.verifyDisk({ diskUuid: UUID }))).toBe('unavailable')
  await manager.reportCell(statusOf('in-service'))
  await zone.startNode(() => Promise.reject(new KuraError('disk-error', 'EIO')))
  expect(await codeOf(client.verifyDisk({ diskUuid: UUID }))).toBe('disk-error')
})

it('metrics and health are on the admin listener', async () => {
  const zone = await Zone.create()
  const master = await zone.startMaster()
  await zone.manager(master).reportCell(statusOf('joining'))
  const page = await (await fetch(`http://${master.adminAddress}/metrics`)).text()
  expect(page).toContain('kura_zone_master_leading 1')
  expect(page).toContain('kura_zone_master_disks{state="in-service"} 1')
  expect(page).toContain('kura_zone_master_calls_total{method="reportCell",code="ok"} 1')
})
