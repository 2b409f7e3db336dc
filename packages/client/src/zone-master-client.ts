/** The operator's door of a zone, typed: what `kura status` and `kura locate` ask. */
import {
  hashToBytes,
  KuraError,
  parseBlockHash,
  parseDiskUuid,
  parsePocketId,
  parseZoneId,
  type BlockHash,
} from '@kura/core'
import {
  ZoneMaster,
  type DiskLoss,
  type ExplainBlockResponse,
  type LocateCopiesResponse,
  type RepairZoneResponse,
  type VerifyDiskResult,
  type ZoneStatus,
} from '@kura/proto'
import { createRpcClient, type RpcClientOf } from '@kura/rpc'
import { DISK_VERIFY_TIMEOUT_MS, OPERATOR_TIMEOUT_MS } from './limits.ts'

export interface ZoneMasterClientOptions {
  /** `host:port` of the zone master's RPC listener. */
  readonly address: string
  readonly pocket: string
  readonly zone: string
}

export interface OperatorOptions {
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export class ZoneMasterClient {
  readonly #rpc: RpcClientOf<typeof ZoneMaster>

  constructor(options: ZoneMasterClientOptions) {
    const { address } = options
    const [pocket, zone] = [parsePocketId(options.pocket), parseZoneId(options.zone)]
    this.#rpc = createRpcClient(ZoneMaster, {
      identity: { pocket, zone, kind: 'cli', id: 'operator' },
      resolve: () => Promise.resolve(address),
    })
  }

  async status(options: OperatorOptions = {}): Promise<ZoneStatus> {
    return await this.#rpc.getZoneStatus({}, { timeoutMs: OPERATOR_TIMEOUT_MS, ...options })
  }

  /** Where the copies of a block are. Throws `not-found` where the index has no row. */
  async locate(
    hash: BlockHash | string,
    options: OperatorOptions = {},
  ): Promise<LocateCopiesResponse> {
    const request = { hash: hashToBytes(parseBlockHash(hash)) }
    const found = await this.#rpc.locateCopies(request, {
      timeoutMs: OPERATOR_TIMEOUT_MS,
      ...options,
    })
    if (found.live) return found
    throw new KuraError('not-found', 'the zone has no such block', { details: { hash } })
  }

  /**
   * Where a block should be, how each copy is when its disk is read now, and what happens next.
   * Throws `not-found` where the index has no row.
   */
  async explain(
    hash: BlockHash | string,
    options: OperatorOptions = {},
  ): Promise<ExplainBlockResponse> {
    const request = { hash: hashToBytes(parseBlockHash(hash)) }
    return await this.#rpc.explainBlock(request, { timeoutMs: OPERATOR_TIMEOUT_MS, ...options })
  }

  /** Has a whole disk read from media; it is re-admitted when everything verifies. */
  async verifyDisk(diskUuid: string, options: OperatorOptions = {}): Promise<VerifyDiskResult> {
    const request = { diskUuid: parseDiskUuid(diskUuid) }
    return await this.#rpc.verifyDisk(request, { timeoutMs: DISK_VERIFY_TIMEOUT_MS, ...options })
  }

  /**
   * What the loss of a disk means; with `apply` it is declared lost until it has been verified.
   * Throws `state-conflict` where it is lost already, or answers and that was not allowed for.
   */
  async declareDiskLost(
    diskUuid: string,
    options: OperatorOptions & { readonly apply: boolean; readonly evenThoughAlive: boolean },
  ): Promise<DiskLoss> {
    const { apply, evenThoughAlive, ...rest } = options
    const request = { diskUuid: parseDiskUuid(diskUuid), apply, evenThoughAlive }
    return await this.#rpc.declareDiskLost(request, { timeoutMs: OPERATOR_TIMEOUT_MS, ...rest })
  }

  /** What each cell would repair now; with `apply` it is begun, and silent disks not waited for. */
  async repair(
    options: OperatorOptions & { readonly apply: boolean },
  ): Promise<RepairZoneResponse> {
    const { apply, ...rest } = options
    return await this.#rpc.repairZone({ apply }, { timeoutMs: OPERATOR_TIMEOUT_MS, ...rest })
  }

  close(): void {
    this.#rpc.close()
  }
}
