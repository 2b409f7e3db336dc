/** A storage node in memory behind a real block listener, with faults to order. */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { KuraError, type Clock, type ErrorCode } from '@kura/core'
import type {
  ExtentAddress,
  ReadRecordRequest,
  ReadRecordsRequest,
  WriteRecordRequest,
  WriteRecordsRequest,
} from '@kura/proto'
import { BlockServer, type Exchange } from '@kura/transport'

interface StoredRecord {
  readonly bytes: Buffer
  readonly putAtMs: number
}

export class FakeNode {
  readonly osdId: number
  readonly diskUuid: string
  /** `extent/hash` → bytes. */
  readonly records = new Map<string, StoredRecord>()
  /** Every write is refused with this code, before its body or after it. */
  refuseWrites: { readonly code: ErrorCode; readonly when: 'early' | 'late' } | undefined
  /** Of records written together, the one of this hash is refused with `disk-error`, or `every`. */
  refuseRecord: string | undefined
  /** Every read is refused with this code. */
  refuseReads: ErrorCode | undefined
  /** Reads wait for this. */
  readDelay: (() => Promise<void>) | undefined
  /** Writes wait for this before they are answered. */
  writeDelay: (() => Promise<void>) | undefined
  readCount = 0
  /** Sizes of the groups of records that were asked for together. */
  readonly readGroupCounts: number[] = []
  /** Sizes of the groups of records that came together. */
  readonly groupCounts: number[] = []
  readonly payloadSizesBytes: number[] = []
  /** Writes that have begun: their bodies may still be on their way. */
  writeCount = 0
  abortedCount = 0
  #server: BlockServer | undefined
  readonly #clock: Clock

  constructor(osdId: number, clock: Clock) {
    this.osdId = osdId
    this.diskUuid = `00000000-0000-4000-8000-${String(osdId).padStart(12, '0')}`
    this.#clock = clock
  }

  get address(): string {
    return this.#server?.address ?? '127.0.0.1:1'
  }

  async start(): Promise<void> {
    this.#server = await BlockServer.listen({
      address: '127.0.0.1:0',
      pocket: 'test',
      zone: 'a',
      acceptHello: () => undefined,
      handle: async (exchange) => await this.#handle(exchange),
      clock: this.#clock,
    })
  }

  async stop(): Promise<void> {
    await this.#server?.close({ graceMs: 0 })
  }

  has(extentId: number, hash: string): boolean {
    return this.records.has(`${extentId}/${hash}`)
  }

  /** Changes one byte of a stored record, and its CRC along with it. */
  damage(extentId: number, hash: string): void {
    const record = this.records.get(`${extentId}/${hash}`)
    if (record === undefined) throw new Error('no such record')
    record.bytes[0] = (record.bytes[0] ?? 0) ^ 1
  }

  async #handle(exchange: Exchange): Promise<void> {
    const { operation } = exchange.request
    if (operation.case === 'writeRecord') await this.#write(exchange, operation.value)
    else if (operation.case === 'writeRecords') await this.#writeAll(exchange, operation.value)
    else if (operation.case === 'readRecord') await this.#read(exchange, operation.value)
    else if (operation.case === 'readRecords') await this.#readAll(exchange, operation.value)
    else throw new KuraError('protocol-violation', 'not for a storage node')
  }

  async #write(exchange: Exchange, request: WriteRecordRequest): Promise<void> {
    const { bytes, hash } = await this.#receive(exchange)
    this.#store(request.address, { hash: hash ?? new Uint8Array(), bytes }, request.putAtMs)
    await exchange.respond({ outcome: { case: 'writeRecord', value: {} } })
  }

  async #writeAll(exchange: Exchange, request: WriteRecordsRequest): Promise<void> {
    this.groupCounts.push(request.records.length)
    this.payloadSizesBytes.push(exchange.payloadSizeBytes)
    const payload = (await this.#receive(exchange)).bytes
    let offsetBytes = 0
    const outcomes = request.records.map((record) => {
      const { hash, sizeBytes, plainCrc, putAtMs } = record
      const bytes = payload.subarray(offsetBytes, offsetBytes + sizeBytes)
      offsetBytes += sizeBytes
      const refused = this.refuseRecord
      const isRefused = refused === 'every' || refused === Buffer.from(hash).toString('hex')
      if (isRefused) return refusalOf('disk-error')
      if (crc32(bytes) !== plainCrc) return refusalOf('record-damaged')
      this.#store(request.address, { hash, bytes }, putAtMs)
      return { outcome: { case: 'written' as const, value: {} } }
    })
    await exchange.respond({ outcome: { case: 'writeRecords', value: { outcomes } } })
  }

  async #receive(exchange: Exchange): Promise<{ bytes: Buffer; hash: Uint8Array | undefined }> {
    this.writeCount += 1
    const refusal = this.refuseWrites
    if (refusal?.when === 'early') throw new KuraError(refusal.code, 'as ordered')
    const bytes = Buffer.alloc(exchange.payloadSizeBytes)
    let trailer
    try {
      trailer = await exchange.readPayload(bytes)
    } catch (error) {
      this.abortedCount += 1
      throw error
    }
    await this.writeDelay?.()
    if (refusal?.when === 'late') throw new KuraError(refusal.code, 'as ordered')
    return { bytes, hash: trailer.hash }
  }

  #store(
    address: ExtentAddress | undefined,
    block: { readonly hash: Uint8Array; readonly bytes: Buffer },
    putAtMs: number,
  ): void {
    const { bytes } = block
    const hash = Buffer.from(block.hash).toString('hex')
    if (createHash('sha256').update(bytes).digest('hex') !== hash) throw new Error('a wrong hash')
    this.records.set(`${address?.extentId}/${hash}`, { bytes, putAtMs })
  }

  async #read(exchange: Exchange, request: ReadRecordRequest): Promise<void> {
    this.readCount += 1
    await this.readDelay?.()
    if (this.refuseReads !== undefined) throw new KuraError(this.refuseReads, 'as ordered')
    const record = this.#find(request.address?.extentId, request.hash)
    if (record === undefined) throw new KuraError('record-unknown', 'no such record')
    const { bytes } = record
    const value = describe(record)
    await exchange.respond({ outcome: { case: 'readRecord', value } }, { bytes, crc: crc32(bytes) })
  }

  async #readAll(exchange: Exchange, request: ReadRecordsRequest): Promise<void> {
    this.readGroupCounts.push(request.records.length)
    await this.readDelay?.()
    if (this.refuseReads !== undefined) throw new KuraError(this.refuseReads, 'as ordered')
    const found = request.records.map(({ extentId, hash }) => this.#find(extentId, hash))
    const outcomes = found.map((record) => {
      if (record === undefined) return refusalOf('record-unknown')
      return { outcome: { case: 'read' as const, value: describe(record) } }
    })
    const bytes = Buffer.concat(found.flatMap((record) => record?.bytes ?? []))
    const payload = bytes.length === 0 ? undefined : { bytes, crc: crc32(bytes) }
    await exchange.respond({ outcome: { case: 'readRecords', value: { outcomes } } }, payload)
  }

  #find(extentId: bigint | undefined, hash: Uint8Array): StoredRecord | undefined {
    return this.records.get(`${extentId}/${Buffer.from(hash).toString('hex')}`)
  }
}

function describe({ bytes, putAtMs }: StoredRecord) {
  return { sizeBytes: bytes.length, plainCrc: crc32(bytes), putAtMs }
}

function refusalOf(code: ErrorCode) {
  return { outcome: { case: 'error' as const, value: { code, message: 'as ordered' } } }
}
