/** A storage node alone, driven as a volume manager and a frontend would, and what it owes. */
import { join } from 'node:path'
import {
  computeBucketDigest,
  hashFromBytes,
  hashToBytes,
  isKuraError,
  MARKS,
  MIB,
  parseCellId,
  parsePocketId,
  parseZoneId,
  type BlockHash,
} from '@kura/core'
import { StorageNode, type ExtentReport, type RecordSummary } from '@kura/proto'
import { createRpcClient, type RpcClientOf } from '@kura/rpc'
import { SystemClock } from '@kura/runtime'
import { initialise, parseConfig } from '@kura/storage-node'
import { BlockClient } from '@kura/transport'
import { expect } from 'vitest'
import { crc32 } from 'node:zlib'
import { makeBlock, type TestBlock } from '../blocks.ts'
import { serviceEnvironment } from './service-environment.ts'
import type { DeathPoint } from './death-point.ts'
import { MarkedProcess } from './marked-process.ts'
import type { MarkedService, Serving } from './run-mark-kills.ts'

const CAPACITY_BYTES = 16 * MIB
const SALT = '00112233445566ff'
const TIMEOUT_MS = 20_000
/** Some lie within their header's page, some in pages of their own, one is not a whole page. */
const SIZES_BYTES = [3_000, 70_000, 4_096, 30_000, 1]
/** Of records that are written together; the last two are the same block. */
const TOGETHER_BYTES = [3_000, 4_096, 30_000, 1, 1]
const WAVES = 3
const READERS = 8
const never = new AbortController().signal

/** What one extent may hold and what it must. */
interface KnownExtent {
  readonly id: number
  readonly kind: 'appended' | 'built'
  /** By hash: everything that was ever sent to it. */
  readonly sent: Map<BlockHash, TestBlock>
  readonly acknowledged: Set<BlockHash>
  /** Whether its creation was answered. */
  exists: boolean
  /** Of an answered seal; of a built one from the start, because it appears whole or not at all. */
  sealedDigest: string | undefined
}

interface Connection {
  readonly control: RpcClientOf<typeof StorageNode>
  readonly blocks: BlockClient
  readonly blockAddress: string
  readonly diskUuid: string
}

export class StorageNodeLife implements MarkedService {
  readonly marks = MARKS.filter((mark) => /^(extent|disk)\./.test(mark))
  readonly #directory: string
  readonly #environment: Readonly<Record<string, string>>
  readonly #extents = new Map<number, KnownExtent>()
  #epoch = 0
  #obeyedEpoch = 0
  #serial = 0
  #extentCount = 0
  #connection: Connection | undefined

  private constructor(directory: string) {
    this.#directory = directory
    const own = { DATA_DIR: join(directory, 'disk'), CELL_ID: '1', OSD_ID: '1' }
    this.#environment = serviceEnvironment('storage-node', directory, own)
  }

  static async initialise(directory: string): Promise<StorageNodeLife> {
    const life = new StorageNodeLife(directory)
    await initialise(parseConfig(life.#environment))
    return life
  }

  async spawn(death: DeathPoint | undefined): Promise<MarkedProcess> {
    const marksPath = join(this.#directory, 'marks')
    const environment = this.#environment
    return await MarkedProcess.spawn({ kind: 'storage-node', environment, marksPath, death })
  }

  async connect(serving: Serving): Promise<void> {
    const place = { pocket: parsePocketId('local'), zone: parseZoneId('a') }
    const identity = {
      ...place,
      cellId: parseCellId(1),
      kind: 'volume-manager',
      id: '1-1',
    } as const
    const resolve = (): Promise<string> => Promise.resolve(String(serving['rpc']))
    this.#connection = {
      control: createRpcClient(StorageNode, { identity, resolve }),
      blocks: new BlockClient({
        hello: { pocket: 'local', zone: 'a', role: 'frontend' },
        clock: new SystemClock(),
      }),
      blockAddress: String(serving['block']),
      diskUuid: String(serving['diskUuid']),
    }
    await Promise.resolve()
  }

  disconnect(): void {
    this.#connection?.control.close()
    this.#connection?.blocks.close()
    this.#connection = undefined
  }

  async end(): Promise<void> {
    await Promise.resolve()
  }

  async check(): Promise<void> {
    const { control } = this.#connected()
    const { extents } = await control.listExtents({})
    const listed = new Map(extents.map((extent) => [Number(extent.extentId), extent]))
    for (const known of this.#extents.values()) this.#checkReport(known, listed.get(known.id))
    const unknown = [...listed.keys()].filter((id) => !this.#extents.has(id))
    expect(unknown, 'extents that nobody ordered').toEqual([])
    for (const known of this.#extents.values()) await this.#checkRecords(known)
    const { damages, readmitted } = await control.verifyDisk({})
    expect({ damages, readmitted }).toEqual({ damages: [], readmitted: true })
    await this.#checkEpoch()
  }

  /** One of everything: an epoch, seals, two births, appends, a freeze, a copy that is built. */
  async live(): Promise<void> {
    this.#epoch += 1
    const epoch = this.#epoch
    await this.#connected().control.announceEpoch({ epoch: BigInt(epoch) })
    this.#obeyedEpoch = epoch
    await this.#sealLeftovers()
    const [full, left] = await Promise.all([this.#create(), this.#create()])
    for (let wave = 0; wave < WAVES; wave += 1) {
      await Promise.all([
        ...SIZES_BYTES.map((sizeBytes) => this.#append(full, sizeBytes)),
        this.#appendTogether(full),
      ])
    }
    await this.#freezeAndSeal(full)
    await Promise.all([
      this.#build(full),
      ...SIZES_BYTES.map((sizeBytes) => this.#append(left, sizeBytes)),
      this.#appendTogether(left),
    ])
  }

  /** The crash rule: nothing is open any more, and what was sealed is what it was. */
  #checkReport(known: KnownExtent, report: ExtentReport | undefined): void {
    if (known.exists) expect(report, `extent ${known.id} was acknowledged`).toBeDefined()
    if (report === undefined) {
      // It never came to be, and may not turn up later.
      this.#extents.delete(known.id)
      return
    }
    known.exists = true
    expect(report.state, `extent ${known.id} after a start`).not.toBe('open')
    if (known.sealedDigest === undefined) return
    const { state, digest } = report
    expect({ state, digest }).toEqual({ state: 'sealed', digest: known.sealedDigest })
  }

  /** Everything acknowledged is there, and what is there was sent, and reads as it was sent. */
  async #checkRecords(known: KnownExtent): Promise<void> {
    const listed = await this.#listRecords(known)
    const hashes = listed.map(({ hash }) => hashFromBytes(hash))
    const found = new Set(hashes)
    expect(found.size, 'a record is listed once').toBe(hashes.length)
    const lost = [...known.acknowledged].filter((hash) => !found.has(hash))
    expect(lost, `lost records of extent ${known.id}`).toEqual([])
    const readInTurn = async (): Promise<void> => {
      for (let hash = hashes.pop(); hash !== undefined; hash = hashes.pop()) {
        const sent = known.sent.get(hash)
        expect(sent, `a record that was never sent to extent ${known.id}`).toBeDefined()
        const bytes = await this.#read(known, hash)
        expect(sent?.bytes.equals(bytes), `bytes of ${hash} in extent ${known.id}`).toBe(true)
      }
    }
    await Promise.all(Array.from({ length: READERS }, readInTurn))
  }

  /** An epoch that was obeyed bars every earlier one. */
  async #checkEpoch(): Promise<void> {
    if (this.#obeyedEpoch < 2) return
    const stale = this.#connected().control.announceEpoch({ epoch: BigInt(this.#obeyedEpoch - 1) })
    const refused = await stale.then(
      () => false,
      (error: unknown) => isKuraError(error, 'stale-epoch'),
    )
    expect(refused, `an epoch below ${this.#obeyedEpoch} is refused`).toBe(true)
  }

  async #create(): Promise<KnownExtent> {
    const known = this.#addExtent('appended')
    await this.#connected().control.createExtent({
      ...this.#spec(),
      address: this.#address(known.id),
    })
    known.exists = true
    return known
  }

  #makeRecord(known: KnownExtent, sizeBytes: number): TestBlock {
    this.#serial += 1
    const block = makeBlock(`record ${this.#serial}`, Math.max(sizeBytes, 1))
    // The smallest blocks repeat: their hash may be there already.
    known.sent.set(block.hash, block)
    return block
  }

  /** As a frontend writes small blocks that are under way at the same time. */
  async #appendTogether(known: KnownExtent): Promise<void> {
    const made = TOGETHER_BYTES.map((sizeBytes) => this.#makeRecord(known, sizeBytes))
    const { blocks, blockAddress } = this.#connected()
    const records = made.map(({ hash, bytes }) => ({
      ...{ sizeBytes: bytes.length, putAtMs: this.#serial, requestId: 'one' },
      ...{ hash: hashToBytes(hash), plainCrc: crc32(bytes) },
    }))
    const payload = Buffer.concat(made.map(({ bytes }) => bytes))
    const value = { address: this.#address(known.id), records }
    const put = await blocks.openPut(
      blockAddress,
      { requestId: 'together', operation: { case: 'writeRecords', value } },
      { sizeBytes: payload.length, isAtHand: true, timeoutMs: TIMEOUT_MS, signal: never },
    )
    await put.write(payload)
    const { outcome } = await put.commit({ crc: crc32(payload), hash: undefined })
    const outcomes = outcome.case === 'writeRecords' ? outcome.value.outcomes : []
    expect(outcomes.map((one) => one.outcome.case)).toEqual(made.map(() => 'written'))
    for (const { hash } of made) known.acknowledged.add(hash)
  }

  async #append(known: KnownExtent, sizeBytes: number): Promise<void> {
    const block = this.#makeRecord(known, sizeBytes)
    const { blocks, blockAddress } = this.#connected()
    const value = { address: this.#address(known.id), sizeBytes, putAtMs: this.#serial }
    const put = await blocks.openPut(
      blockAddress,
      { requestId: 'write', operation: { case: 'writeRecord', value } },
      { sizeBytes, timeoutMs: TIMEOUT_MS, signal: never },
    )
    await put.write(block.bytes)
    await put.commit({ crc: crc32(block.bytes), hash: hashToBytes(block.hash) })
    known.acknowledged.add(block.hash)
  }

  /** What earlier lives left open is closed as it is; the last one is left to the next start. */
  async #sealLeftovers(): Promise<void> {
    const unsealed = [...this.#extents.values()].filter(
      ({ exists, sealedDigest }) => exists && sealedDigest === undefined,
    )
    for (const known of unsealed.slice(0, -1)) await this.#freezeAndSeal(known)
  }

  async #freezeAndSeal(known: KnownExtent): Promise<void> {
    const { control } = this.#connected()
    const order = { epoch: BigInt(this.#epoch), address: this.#address(known.id) }
    const { digest } = await control.freezeExtent(order)
    const held = (await this.#listRecords(known)).map(({ hash, ...rest }) => ({
      ...rest,
      hash: hashFromBytes(hash),
    }))
    expect(digest, 'the digest of the records that are listed').toBe(computeBucketDigest(held))
    const sealed = await control.sealExtent({ ...order, expectedDigest: digest })
    expect(sealed).toMatchObject({ state: 'sealed', digest })
    known.sealedDigest = digest
  }

  /** A second copy of a sealed extent, through scratch. */
  async #build(source: KnownExtent): Promise<void> {
    const built = this.#addExtent('built')
    for (const [hash, block] of source.sent) built.sent.set(hash, block)
    built.sealedDigest = source.sealedDigest
    await this.#connected().control.buildExtent({
      ...this.#spec(),
      address: this.#address(built.id),
      records: await this.#listRecords(source),
      sources: [{ address: this.#address(source.id), blockAddress: '' }],
      expectedDigest: source.sealedDigest ?? '',
    })
    built.exists = true
    for (const hash of source.acknowledged) built.acknowledged.add(hash)
  }

  async #read(known: KnownExtent, hash: BlockHash): Promise<Uint8Array> {
    const { blocks, blockAddress } = this.#connected()
    const value = { address: this.#address(known.id), hash: hashToBytes(hash) }
    const { payload } = await blocks.exchange(
      blockAddress,
      { requestId: 'read', operation: { case: 'readRecord', value } },
      { timeoutMs: TIMEOUT_MS, signal: never, receive: (sizeBytes) => Buffer.alloc(sizeBytes) },
    )
    return payload ?? Buffer.alloc(0)
  }

  async #listRecords(known: KnownExtent): Promise<RecordSummary[]> {
    const { control } = this.#connected()
    const records: RecordSummary[] = []
    const pages = control.listRecords({ address: this.#address(known.id) })
    for await (const page of pages) records.push(...page.records)
    return records
  }

  #addExtent(kind: KnownExtent['kind']): KnownExtent {
    this.#extentCount += 1
    const id = this.#extentCount
    const empty = { exists: false, sealedDigest: undefined }
    const known = { id, kind, sent: new Map(), acknowledged: new Set<BlockHash>(), ...empty }
    this.#extents.set(id, known)
    return known
  }

  #address(extent: number) {
    const { diskUuid } = this.#connected()
    return { pocket: 'local', diskUuid, volumeId: BigInt(extent), extentId: BigInt(extent) }
  }

  #spec() {
    const capacityBytes = BigInt(CAPACITY_BYTES)
    const birth = { bucketId: 9n, salt: SALT, generation: 1, orderId: 1n }
    return { epoch: BigInt(this.#epoch), ...birth, capacityBytes }
  }

  #connected(): Connection {
    if (this.#connection === undefined) throw new Error('no process is connected')
    return this.#connection
  }
}
