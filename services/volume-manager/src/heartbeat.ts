/** A heartbeat as core types: what one storage node says of itself every 500 ms. */
import {
  KuraError,
  parseCount,
  parseDiskUuid,
  parseExtentId,
  parseOsdId,
  type DiskUuid,
  type ExtentId,
  type FailureDomains,
  type OsdId,
} from '@kura/core'
import type { DamageReport, HeartbeatRequest } from '@kura/proto'
import { parseExtentReport, type ExtentReport } from './extent-report.ts'

/** The full-disk ladder. */
export type Fullness = 'ok' | 'warn' | 'no-new-extents' | 'no-writes'

export interface Heartbeat {
  readonly diskUuid: DiskUuid
  readonly osdId: OsdId
  readonly domains: FailureDomains
  /** Highest epoch obeyed. */
  readonly epoch: number
  /** New with every start of the process. */
  readonly processId: string
  readonly suspect: boolean
  readonly fullness: Fullness
  readonly totalBytes: number
  readonly freeBytes: number
  readonly unsealed: ReadonlyMap<number, ExtentReport>
  readonly damages: readonly DamageReport[]
  /** The extents of these damages. */
  readonly damagedExtents: ReadonlySet<ExtentId>
  readonly damageCount: number
  readonly rpcAddress: string
  readonly blockAddress: string
}

export function parseHeartbeat(message: HeartbeatRequest): Heartbeat {
  const unsealed = message.unsealed.map(parseExtentReport)
  const { rack = '', power = '', vendor = '', firmware = '' } = message.domains ?? {}
  return Object.freeze({
    diskUuid: parseDiskUuid(message.diskUuid),
    osdId: parseOsdId(message.osdId),
    domains: Object.freeze({ rack, power, vendor, firmware }),
    epoch: parseCount(message.epoch, 'epoch'),
    processId: message.processId,
    suspect: message.suspect,
    fullness: parseFullness(message.fullness),
    totalBytes: parseCount(message.totalBytes, 'total_bytes'),
    freeBytes: parseCount(message.freeBytes, 'free_bytes'),
    unsealed: new Map(unsealed.map((report) => [report.extentId, report])),
    damages: message.damages,
    damagedExtents: new Set(message.damages.map(({ extentId }) => parseExtentId(extentId))),
    damageCount: parseCount(message.damageCount, 'damage_count'),
    rpcAddress: message.rpcAddress,
    blockAddress: message.blockAddress,
  })
}

function parseFullness(text: string): Fullness {
  switch (text) {
    case 'ok':
    case 'warn':
    case 'no-new-extents':
    case 'no-writes':
      return text
    default:
      throw new KuraError('protocol-violation', 'not a step of the full-disk ladder', {
        details: { given: text },
      })
  }
}
