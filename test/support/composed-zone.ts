/**
 * One zone in one process: every service made by its own `create()`, over real sockets, files and
 * databases. For tests that must stand between two steps, which separate processes do not allow.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BlockIndex, initialiseBlockIndex, parseConfig as parseIndex } from '@kura/block-index'
import { Frontend, parseConfig as parseFrontend, type FrontendOverrides } from '@kura/frontend'
import { SystemRandom, type Service } from '@kura/runtime'
import { initialise, parseConfig as parseNode, StorageNode } from '@kura/storage-node'
import type { StorageNodeConfig } from '@kura/storage-node'
import {
  initialiseReplicationTable,
  parseConfig as parseManager,
  VolumeManager,
} from '@kura/volume-manager'
import { initialiseZoneMaster, parseConfig as parseMaster, ZoneMaster } from '@kura/zone-master'

const NODE_COUNT = 6
const READY_TIMEOUT_MS = 20_000
const READY_POLL_MS = 50

export class ComposedZone implements AsyncDisposable {
  readonly pocket = 'local'
  readonly zone = 'a'
  readonly frontend: Frontend
  readonly manager: VolumeManager
  readonly #services: Service[]
  readonly #nodes: StorageNode[]
  readonly #nodeConfigs: readonly StorageNodeConfig[]
  readonly #dataDir: string

  private constructor(parts: {
    readonly frontend: Frontend
    readonly manager: VolumeManager
    readonly services: Service[]
    readonly nodes: StorageNode[]
    readonly nodeConfigs: readonly StorageNodeConfig[]
    readonly dataDir: string
  }) {
    this.frontend = parts.frontend
    this.manager = parts.manager
    this.#services = parts.services
    this.#nodes = parts.nodes
    this.#nodeConfigs = parts.nodeConfigs
    this.#dataDir = parts.dataDir
  }

  static async start(overrides: { readonly frontend?: FrontendOverrides } = {}) {
    const dataDir = await mkdtemp(join(tmpdir(), 'kura-composed-'))
    const random = new SystemRandom()
    const settings = (kind: string, folder: string, own: Readonly<Record<string, string>>) =>
      settingsOf(kind, { dataDir, folder, own })
    const indexConfig = parseIndex(settings('block-index', 'block-index', {}))
    initialiseBlockIndex(indexConfig, random)
    const masterConfig = parseMaster(settings('zone-master', 'zone-master', {}))
    initialiseZoneMaster(masterConfig)
    const own = { CELL_ID: '1', BUCKET_SIZE_BYTES: String(16 * 1024 * 1024) }
    const managerConfig = parseManager(settings('volume-manager', 'volume-manager', own))
    initialiseReplicationTable(managerConfig, random)
    const nodeConfigs: StorageNodeConfig[] = []
    for (let osdId = 1; osdId <= NODE_COUNT; osdId += 1) {
      const place = { CELL_ID: '1', OSD_ID: String(osdId), RACK: `rack-${osdId}` }
      const config = parseNode(settings('storage-node', `disk-${osdId}`, place))
      await initialise(config)
      nodeConfigs.push(config)
    }
    const nodes = nodeConfigs.map((config) => StorageNode.create(config))
    const frontend = Frontend.create(
      parseFrontend(settings('frontend', 'frontend', {})),
      overrides.frontend,
    )
    const manager = await VolumeManager.create(managerConfig)
    const services = [
      BlockIndex.create(indexConfig),
      await ZoneMaster.create(masterConfig),
      ...nodes,
      manager,
      frontend,
    ]
    for (const service of services) await service.start()
    const zone = new ComposedZone({ frontend, manager, services, nodes, nodeConfigs, dataDir })
    await zone.#waitReady()
    return zone
  }

  /** Stops a storage node and starts another one on its disk; the first is 1. */
  async restartNode(osdId: number): Promise<void> {
    const [node, config] = [this.#nodes[osdId - 1], this.#nodeConfigs[osdId - 1]]
    if (node === undefined || config === undefined) throw new Error(`there is no node ${osdId}`)
    await node[Symbol.asyncDispose]()
    const next = StorageNode.create(config)
    this.#nodes[osdId - 1] = next
    this.#services[this.#services.indexOf(node)] = next
    await next.start()
  }

  /** It stays away; nothing of it is lost. */
  async stopNode(osdId: number): Promise<void> {
    await this.#nodes[osdId - 1]?.[Symbol.asyncDispose]()
  }

  async #waitReady(): Promise<void> {
    const endsAtMs = performance.now() + READY_TIMEOUT_MS
    for (;;) {
      const answer = await fetch(`http://${this.frontend.addresses.admin}/readyz`)
      const text = await answer.text()
      if (answer.ok) return
      if (performance.now() > endsAtMs) throw new Error(`the zone is not ready: ${text}`)
      await sleep(READY_POLL_MS)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of this.#services.toReversed()) await service[Symbol.asyncDispose]()
    await rm(this.#dataDir, { recursive: true, force: true })
  }
}

function settingsOf(
  kind: string,
  options: {
    readonly dataDir: string
    readonly folder: string
    readonly own: Readonly<Record<string, string>>
  },
): Record<string, string> {
  const prefix = `KURA_${kind.replaceAll('-', '_').toUpperCase()}_`
  const shared = {
    POCKET: 'local',
    ZONE: 'a',
    DATA_DIR: join(options.dataDir, options.folder),
    COORDINATION_DIR: join(options.dataDir, 'coordination'),
    LOG_LEVEL: 'error',
  }
  const all = Object.entries({ ...shared, ...options.own })
  return Object.fromEntries(all.map(([name, value]) => [prefix + name, value]))
}
