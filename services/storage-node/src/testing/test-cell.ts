import { join } from 'node:path'
import { DirectoryCoordinator } from '@kura/coordination'
import type { Disk } from '@kura/core'
import type { HeartbeatRequest } from '@kura/proto'
import { SystemClock, SystemRandom } from '@kura/runtime'
import { parseConfig, type StorageNodeConfig } from '../config.ts'
import { initialise } from '../initialise.ts'
import { StorageNode } from '../storage-node.ts'
import { ListeningManager } from './listening-manager.ts'
import { TestNode } from './test-node.ts'

export interface StartOptions {
  readonly settings?: Readonly<Record<string, string>>
  readonly disk?: Disk
}

/** Storage nodes of one cell under one directory, and a volume manager that listens to them. */
export class TestCell implements AsyncDisposable {
  readonly #path: string
  readonly #manager: ListeningManager
  readonly #coordinator: DirectoryCoordinator
  readonly #nodes: TestNode[] = []

  private constructor(options: {
    readonly path: string
    readonly manager: ListeningManager
    readonly coordinator: DirectoryCoordinator
  }) {
    this.#path = options.path
    this.#manager = options.manager
    this.#coordinator = options.coordinator
  }

  static async open(path: string): Promise<TestCell> {
    const manager = await ListeningManager.listen('1-1')
    const coordinator = await DirectoryCoordinator.open({
      directory: join(path, 'coordination'),
      clock: new SystemClock(),
      random: new SystemRandom(),
    })
    await coordinator.announce(manager.member)
    return new TestCell({ path, manager, coordinator })
  }

  get lastHeartbeat(): HeartbeatRequest | undefined {
    return this.#manager.lastHeartbeat
  }

  diskPath(osdId: number): string {
    return join(this.#path, `disk-${osdId}`)
  }

  configOf(osdId: number, settings: Readonly<Record<string, string>> = {}): StorageNodeConfig {
    return parseConfig({
      KURA_STORAGE_NODE_POCKET: 'test',
      KURA_STORAGE_NODE_OSD_ID: String(osdId),
      KURA_STORAGE_NODE_DATA_DIR: this.diskPath(osdId),
      KURA_STORAGE_NODE_COORDINATION_DIR: join(this.#path, 'coordination'),
      KURA_STORAGE_NODE_LOG_LEVEL: 'silent',
      KURA_STORAGE_NODE_HEARTBEAT_MS: '20',
      KURA_STORAGE_NODE_LARGE_SLABS: '3',
      ...settings,
    })
  }

  async initialise(osdId: number): Promise<void> {
    await initialise(this.configOf(osdId))
  }

  async start(osdId: number, options: StartOptions = {}): Promise<TestNode> {
    const overrides = options.disk === undefined ? {} : { disk: options.disk }
    const node = StorageNode.create(this.configOf(osdId, options.settings), overrides)
    await node.start()
    const subject = new TestNode(node)
    this.#nodes.push(subject)
    return subject
  }

  async startFresh(osdId: number, options: StartOptions = {}): Promise<TestNode> {
    await this.initialise(osdId)
    return await this.start(osdId, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes) await node.stop()
    await this.#coordinator.close()
    await this.#manager.close()
  }
}
