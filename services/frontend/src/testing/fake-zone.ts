/**
 * A zone around one real frontend: storage nodes, block index, volume manager and zone master are
 * fakes in memory behind real listeners, found through a real coordination directory.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DirectoryCoordinator } from '@kura/coordination'
import {
  composeId,
  KuraError,
  MIB,
  parseCellId,
  parsePocketId,
  parseZoneId,
  type MemberKind,
} from '@kura/core'
import { BlockIndex, VolumeManager, ZoneMaster } from '@kura/proto'
import type { ReportFailureRequest } from '@kura/proto'
import { RpcServer } from '@kura/rpc'
import { SystemClock, SystemRandom } from '@kura/runtime'
import { parseConfig } from '../config.ts'
import { Frontend, type FrontendOverrides } from '../frontend.ts'
import { FakeIndex } from './fake-index.ts'
import { FakeNode } from './fake-node.ts'
import { hashOf, sendHttp, type HttpAnswer } from './http-caller.ts'

const NODE_COUNT = 6
const clock = new SystemClock()
const random = new SystemRandom()
const place = { pocket: parsePocketId('test'), zone: parseZoneId('a') }
const incarnation = { number: 1, random: '0011223344556677' }

export interface FakeVolume {
  readonly volumeId: number
  readonly bucketId: number
  readonly extentIds: readonly number[]
  readonly nodes: readonly FakeNode[]
  state: string
}

export class FakeZone implements AsyncDisposable {
  readonly nodes: readonly FakeNode[]
  readonly index = new FakeIndex()
  readonly volumes: FakeVolume[] = []
  readonly reports: ReportFailureRequest[] = []
  /** Volumes that GetPlacements knows and the map does not. */
  readonly hidden = new Set<number>()
  frontend!: Frontend
  readonly #directory: string
  readonly #coordinator: DirectoryCoordinator
  readonly #servers = new Map<MemberKind, RpcServer>()
  #version = 1

  private constructor(directory: string, coordinator: DirectoryCoordinator) {
    this.#directory = directory
    this.#coordinator = coordinator
    this.nodes = Array.from({ length: NODE_COUNT }, (_unused, at) => new FakeNode(at + 1, clock))
  }

  /** Started, with two open volumes that share no disk, and a frontend that is ready. */
  static async start(
    options: FrontendOverrides & { readonly settings?: Record<string, string> } = {},
  ): Promise<FakeZone> {
    const directory = await mkdtemp(join(tmpdir(), 'kura-frontend-'))
    const coordinator = await DirectoryCoordinator.open({
      directory: `${directory}/coordination`,
      clock,
      random,
    })
    const zone = new FakeZone(directory, coordinator)
    zone.addVolume([0, 1, 2])
    zone.addVolume([3, 4, 5])
    for (const node of zone.nodes) await zone.startNode(node)
    await zone.startControl()
    await zone.startFrontend(options)
    await zone.waitUntilReady()
    return zone
  }

  addVolume(nodeIndexes: readonly number[]): FakeVolume {
    const cellId = parseCellId(1)
    const base = (this.volumes.length + 1) * 10
    const id = (counter: number): number => composeId({ cellId, tableIncarnation: 1, counter })
    const volume = {
      volumeId: id(base),
      bucketId: id(base + 1),
      extentIds: [id(base + 2), id(base + 3), id(base + 4)],
      nodes: nodeIndexes.map((index) => this.node(index)),
      state: 'open',
    }
    this.volumes.push(volume)
    return volume
  }

  node(index: number): FakeNode {
    const node = this.nodes[index]
    if (node === undefined) throw new Error('no such node')
    return node
  }

  volume(index: number): FakeVolume {
    const volume = this.volumes[index]
    if (volume === undefined) throw new Error('no such volume')
    return volume
  }

  volumeOf(bucketId: number): FakeVolume {
    const volume = this.volumes.find((it) => it.bucketId === bucketId)
    if (volume === undefined) throw new Error('no such bucket')
    return volume
  }

  async startNode(node: FakeNode): Promise<void> {
    await node.start()
    await this.#coordinator.announce({
      kind: 'storage-node',
      id: `1-${node.osdId}`,
      addresses: { block: node.address },
    })
  }

  async startControl(): Promise<void> {
    await this.#serve('block-index', '1', (server) =>
      server.add(BlockIndex, {
        locateBlock: notHere,
        locateBlocks: async (request, context) => await this.index.locate(request, context.signal),
        confirmBlock: async (request) => await Promise.resolve(this.index.confirm(request)),
        recordBlocks: async (request) => await this.index.record(request),
        createGate: notHere,
        fenceBucket: notHere,
        readFeed: notHere,
        getIndexStatus: async () => await Promise.resolve({ rowCount: 0n }),
        backUp: async function* () {},
      }),
    )
    await this.startVolumeManager()
    await this.#serve('zone-master', '1', (server) =>
      server.add(ZoneMaster, {
        watchZoneMap: (_request, context) => this.#zoneMaps(context.signal),
        reportCell: notHere,
        getZoneStatus: notHere,
        locateCopies: notHere,
        setCellWeight: notHere,
        explainBlock: notHere,
        verifyDisk: notHere,
        repairZone: notHere,
        declareDiskLost: notHere,
        backUp: async function* () {},
      }),
    )
  }

  async startVolumeManager(): Promise<void> {
    await this.#serve('volume-manager', '1-1', (server) =>
      server.add(VolumeManager, {
        heartbeat: notHere,
        getCellStatus: notHere,
        repairCell: notHere,
        describeDiskLoss: notHere,
        closeVolumes: notHere,
        trustIndex: notHere,
        backUp: async function* () {},
        watchCellMap: (_request, context) => this.#cellMaps(context.signal),
        reportFailure: async (request) => {
          this.reports.push(request)
          return await Promise.resolve({})
        },
        getPlacements: async (request) => {
          const volumes = this.volumes.filter(({ bucketId }) =>
            request.bucketIds.includes(BigInt(bucketId)),
          )
          return await Promise.resolve({
            incarnation,
            volumes: volumes.map((it) => this.#volumeEntry(it)),
            disks: this.#diskEntries(),
          })
        },
      }),
    )
  }

  /** As if the process died: connections break, nothing answers. */
  async stopControl(kind: MemberKind): Promise<void> {
    await this.#servers.get(kind)?.close({ graceMs: 0 })
    this.#servers.delete(kind)
  }

  async startFrontend(
    options: FrontendOverrides & { readonly settings?: Record<string, string> } = {},
  ): Promise<void> {
    const config = parseConfig({
      KURA_FRONTEND_POCKET: 'test',
      KURA_FRONTEND_ZONE: 'a',
      KURA_FRONTEND_DATA_DIR: `${this.#directory}/frontend`,
      KURA_FRONTEND_COORDINATION_DIR: `${this.#directory}/coordination`,
      KURA_FRONTEND_BLOCK_ADDRESS: '127.0.0.1:0',
      KURA_FRONTEND_HTTP_ADDRESS: '127.0.0.1:0',
      KURA_FRONTEND_GRPC_ADDRESS: '127.0.0.1:0',
      KURA_FRONTEND_LOG_LEVEL: 'silent',
      ...options.settings,
    })
    this.frontend = Frontend.create(config, options)
    await this.frontend.start()
  }

  async waitUntilReady(): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      if ((await this.ready()).length === 0) return
      await clock.sleep(25)
    }
    throw new Error(`not ready: ${(await this.ready()).join(', ')}`)
  }

  get cacheDirectory(): string {
    return `${this.#directory}/frontend/maps`
  }

  /** Codes of what is missing. */
  async ready(): Promise<string[]> {
    const answer = await fetch(`http://${this.frontend.addresses.admin}/readyz`)
    const body = (await answer.json()) as { reasons: { code: string }[] }
    return body.reasons.map(({ code }) => code)
  }

  async metrics(): Promise<string> {
    return await (await fetch(`http://${this.frontend.addresses.admin}/metrics`)).text()
  }

  async http(
    method: string,
    path: string,
    options: { readonly body?: Buffer; readonly headers?: Record<string, string> } = {},
  ): Promise<HttpAnswer> {
    return await sendHttp(this.frontend.addresses.http, { method, path, ...options })
  }

  async put(bytes: Buffer, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    return await this.http('PUT', `/v1/blocks/${hashOf(bytes)}`, { body: bytes, headers })
  }

  async get(hash: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    return await this.http('GET', `/v1/blocks/${hash}`, { headers })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.frontend[Symbol.asyncDispose]()
    for (const kind of [...this.#servers.keys()]) await this.stopControl(kind)
    for (const node of this.nodes) await node.stop()
    await this.#coordinator.close()
    await rm(this.#directory, { recursive: true })
  }

  async #serve(kind: MemberKind, id: string, addTo: (server: RpcServer) => void): Promise<void> {
    const server = new RpcServer({ identity: { ...place, kind, id } })
    addTo(server)
    const rpc = await server.listen('127.0.0.1:0')
    this.#servers.set(kind, server)
    await this.#coordinator.announce({ kind, id, addresses: { rpc } })
  }

  async *#zoneMaps(signal: AbortSignal) {
    yield { pocket: 'test', zone: 'a', version: 1n, cells: [{ cellId: 1, weight: 1 }] }
    await untilAborted(signal)
  }

  async *#cellMaps(signal: AbortSignal) {
    const volumes = this.volumes.filter(({ volumeId }) => !this.hidden.has(volumeId))
    this.#version += 1
    yield {
      cellId: 1,
      incarnation,
      snapshot: true,
      toVersion: BigInt(this.#version),
      volumes: volumes.map((it) => this.#volumeEntry(it)),
      disks: this.#diskEntries(),
      lastPart: true,
    }
    await untilAborted(signal)
  }

  #volumeEntry(volume: FakeVolume) {
    return {
      volumeId: BigInt(volume.volumeId),
      bucketId: BigInt(volume.bucketId),
      state: volume.state,
      generation: 1,
      capacityBytes: BigInt(64 * MIB),
      extents: volume.extentIds.map((extentId, at) => ({
        extentId: BigInt(extentId),
        diskUuid: volume.nodes[at]?.diskUuid ?? '',
        state: 'in-force',
      })),
    }
  }

  #diskEntries() {
    return this.nodes.map(({ osdId, diskUuid }) => ({
      diskUuid,
      osdId,
      domains: { rack: `r${osdId}`, power: 'p', vendor: 'v', firmware: 'f' },
      state: 'in-service',
      reachable: true,
      totalBytes: 1n,
      freeBytes: 1n,
    }))
  }
}

async function notHere(): Promise<never> {
  return await Promise.reject(new KuraError('unimplemented', 'not in this fake'))
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
