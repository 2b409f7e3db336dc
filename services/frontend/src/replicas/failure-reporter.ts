import {
  AssertionError,
  cellOfBucket,
  hashToBytes,
  type BlockHash,
  type CellId,
  type DiskUuid,
  type ErrorCode,
  type ExtentId,
} from '@kura/core'
import type { MapVolume } from '@kura/placement'
import type { VolumeManager } from '@kura/proto'
import type { RpcClientOf } from '@kura/rpc'
import type { Logger } from '@kura/runtime'
import { REPORT_TIMEOUT_MS, REPORTS_IN_FLIGHT_MAX } from '../limits.ts'
import type { FrontendMetrics } from '../metrics.ts'

export interface CopyFailure {
  readonly volume: MapVolume
  readonly extentId: ExtentId
  readonly diskUuid: DiskUuid
  readonly operation: 'write' | 'read'
  readonly code: ErrorCode
  readonly hash: BlockHash | undefined
  readonly requestId: string
}

export interface FailureReporterOptions {
  readonly frontendId: string
  readonly volumeManagerOf: (cellId: CellId) => RpcClientOf<typeof VolumeManager>
  readonly metrics: FrontendMetrics
  readonly logger: Logger
}

/** Too much to do and callers who left are not failures of a copy. */
const NOT_A_FAILURE: readonly ErrorCode[] = ['overloaded', 'rate-limited', 'cancelled']

/** Every volume ends so: worth telling, not worth a warning. */
const ENDS_OF_VOLUMES: readonly ErrorCode[] = ['extent-full', 'extent-frozen']

/**
 * Tells the volume manager that a copy failed. Evidence, not an order: nobody waits for it, and
 * one that cannot be delivered is dropped.
 */
export class FailureReporter {
  readonly #options: FailureReporterOptions
  #inFlight = 0

  constructor(options: FailureReporterOptions) {
    this.#options = options
  }

  report(failure: CopyFailure): void {
    if (NOT_A_FAILURE.includes(failure.code)) return
    const { operation, code } = failure
    this.#options.metrics.failureReports.of({ operation }).inc()
    const level = ENDS_OF_VOLUMES.includes(code) ? 'info' : 'warn'
    this.#options.logger[level](
      {
        operation,
        code,
        volumeId: failure.volume.volumeId,
        extentId: failure.extentId,
        diskUuid: failure.diskUuid,
        blockHash: failure.hash,
        requestId: failure.requestId,
      },
      'copy failed',
    )
    if (this.#inFlight < REPORTS_IN_FLIGHT_MAX) void this.#send(failure)
  }

  async #send(failure: CopyFailure): Promise<void> {
    this.#inFlight += 1
    const { volume } = failure
    try {
      await this.#options.volumeManagerOf(cellOfBucket(volume.bucketId)).reportFailure(
        {
          frontendId: this.#options.frontendId,
          volumeId: BigInt(volume.volumeId),
          extentId: BigInt(failure.extentId),
          diskUuid: failure.diskUuid,
          operation: failure.operation,
          code: failure.code,
          hash: failure.hash === undefined ? new Uint8Array(0) : hashToBytes(failure.hash),
        },
        { timeoutMs: REPORT_TIMEOUT_MS, requestId: failure.requestId },
      )
    } catch (error) {
      // The volume manager may be dead; it has its own ways to find out.
      if (error instanceof AssertionError) throw error
    } finally {
      this.#inFlight -= 1
    }
  }
}
