/** The settings of every process of a simulated zone: production's own, made small by the plan. */
import { parseConfig as parseIndex, type BlockIndexConfig } from '@kura/block-index'
import { parseConfig as parseFrontend, type FrontendConfig } from '@kura/frontend'
import type { Environment } from '@kura/runtime'
import { parseConfig as parseNode, type StorageNodeConfig } from '@kura/storage-node'
import { parseConfig as parseManager, type VolumeManagerConfig } from '@kura/volume-manager'
import { parseConfig as parseMaster, type ZoneMasterConfig } from '@kura/zone-master'
import { rackOfNode, type Plan } from '../plan/plan.ts'

/** Small values are below the bounds that the settings have for operators. */
const ENV = {
  KURA_POCKET: 'simulated',
  KURA_ZONE: 'a',
  KURA_COORDINATION_DIR: '/simulated/coordination',
}

const SILENT = { logLevel: 'silent' } as const

/** By what each process has of its own, whose names tell its kind: parsed once for all lives. */
const parsed = new Map<string, unknown>()

function parseOnce<Config>(parse: (env: Environment) => Config, own: Environment): Config {
  const key = JSON.stringify(own)
  const known = parsed.get(key) ?? parse({ ...ENV, ...own })
  parsed.set(key, known)
  return known as Config
}

/** Clients keep the address of a frontend; everybody else is found through coordination. */
export function frontendAddress(instance: number): string {
  return `127.0.0.1:${7000 + instance}`
}

export class ZoneConfigs {
  readonly #plan: Plan

  constructor(plan: Plan) {
    this.#plan = plan
  }

  node(number: number): StorageNodeConfig {
    const { settings, topology } = this.#plan
    const base = parseOnce(parseNode, {
      KURA_STORAGE_NODE_DATA_DIR: `/simulated/node-${number}`,
      KURA_STORAGE_NODE_OSD_ID: String(number),
      KURA_STORAGE_NODE_RACK: `rack-${rackOfNode(topology, number)}`,
    })
    return {
      ...base,
      ...SILENT,
      rpcAddress: '127.0.0.1:0',
      blockAddress: '127.0.0.1:0',
      heartbeatMs: settings.heartbeatMs,
      scrubBytesPerSecond: settings.scrubBytesPerSecond,
      scrubPeriodMs: settings.scrubPeriodMs,
      largeSlabs: settings.nodeLargeSlabs,
      smallSlabs: settings.nodeSmallSlabs,
    }
  }

  frontend(instance: number): FrontendConfig {
    const { settings } = this.#plan
    const base = parseOnce(parseFrontend, {
      KURA_FRONTEND_DATA_DIR: `/simulated/frontend-${instance}`,
    })
    return {
      ...base,
      ...SILENT,
      instance,
      blockAddress: frontendAddress(instance),
      largeSlabs: settings.frontendLargeSlabs,
      smallSlabs: settings.frontendSmallSlabs,
      admissionWaiters: settings.admissionWaiters,
      admissionWaitMs: settings.admissionWaitMs,
    }
  }

  index(): BlockIndexConfig {
    const base = parseOnce(parseIndex, { KURA_BLOCK_INDEX_DATA_DIR: '/simulated/block-index' })
    return { ...base, ...SILENT, rpcAddress: '127.0.0.1:0', tMinMs: this.#plan.settings.tMinMs }
  }

  manager(instance: number): VolumeManagerConfig {
    const { settings } = this.#plan
    const base = parseOnce(parseManager, {
      KURA_VOLUME_MANAGER_DATA_DIR: '/simulated/volume-manager',
    })
    return {
      ...base,
      ...SILENT,
      instance,
      rpcAddress: '127.0.0.1:0',
      bucketSizeBytes: settings.bucketSizeBytes,
      openVolumes: settings.openVolumes,
      openVolumesMax: settings.openVolumesMax,
      replaceAtFillPercent: settings.replaceAtFillPercent,
      silenceMs: settings.silenceMs,
      repairsMax: settings.repairsMax,
      heartbeatTimeoutMs: settings.heartbeatTimeoutMs,
      closeWaitMs: settings.closeWaitMs,
    }
  }

  master(instance: number): ZoneMasterConfig {
    const base = parseOnce(parseMaster, {
      KURA_ZONE_MASTER_DATA_DIR: '/simulated/zone-master',
    })
    return { ...base, ...SILENT, instance, rpcAddress: '127.0.0.1:0' }
  }
}
