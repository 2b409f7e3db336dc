/** Between the messages of the contracts and the types of core: parsed once, here. */
import {
  hashToBytes,
  KuraError,
  parseBucketId,
  parseCount,
  parseOrderId,
  type RecordSummary,
} from '@kura/core'
import type { Damage, ExtentReport, ExtentSpec } from '@kura/extent'
import type { BuildExtentRequest, CreateExtentRequest } from '@kura/proto'
import type { ExtentTarget } from './extent-address.ts'

const SALT_PATTERN = /^[0-9a-f]{16}$/

export function encodeRecord(record: RecordSummary) {
  const { sizeBytes, plainCrc, putAtMs } = record
  return { hash: hashToBytes(record.hash), sizeBytes, plainCrc, putAtMs }
}

export function parseExtentSpec(
  request: CreateExtentRequest | BuildExtentRequest,
  target: ExtentTarget,
): ExtentSpec {
  if (!SALT_PATTERN.test(request.salt)) {
    throw new KuraError('invalid-argument', 'a salt is 16 hex digits')
  }
  return {
    ...target,
    bucketId: parseBucketId(request.bucketId),
    salt: request.salt,
    generation: request.generation,
    epoch: parseCount(request.epoch, 'epoch'),
    orderId: parseOrderId(request.orderId),
    capacityBytes: parseCount(request.capacityBytes, 'capacity_bytes'),
  }
}

export function encodeReport(report: ExtentReport) {
  return {
    extentId: BigInt(report.extentId),
    volumeId: BigInt(report.volumeId),
    bucketId: BigInt(report.bucketId),
    state: report.state,
    recordCount: BigInt(report.recordCount),
    lengthBytes: BigInt(report.lengthBytes),
    capacityBytes: BigInt(report.capacityBytes),
    digest: report.digest,
    canComplete: report.canComplete,
    holeCount: BigInt(report.holeCount),
    salt: report.salt,
    generation: report.generation,
    orderId: BigInt(report.orderId),
  }
}

export function encodeDamage(
  damage: Damage,
  found: { readonly foundAtMs: number; readonly diskUuid: string },
) {
  return {
    extentId: BigInt(damage.extentId),
    part: damage.part,
    offsetBytes: BigInt(damage.offsetBytes),
    hash: damage.hash === undefined ? new Uint8Array() : hashToBytes(damage.hash),
    ...found,
  }
}
