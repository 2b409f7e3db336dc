/** A block index alone, driven as frontends and a volume manager would, and what it owes. */
import { join } from 'node:path'
import { BlockIndex, type BlockRow } from '@kura/proto'
import {
  FEED_PARTITION_COUNT,
  hashFromBytes,
  hashToBytes,
  isKuraError,
  MARKS,
  parsePocketId,
  parseZoneId,
  type BlockHash,
} from '@kura/core'
import { initialiseBlockIndex, parseConfig } from '@kura/block-index'
import { createRpcClient, type RpcClientOf } from '@kura/rpc'
import { SystemRandom } from '@kura/runtime'
import { expect } from 'vitest'
import { hashOf } from '../blocks.ts'
import { recordBlock } from '../record-block.ts'
import type { DeathPoint } from './death-point.ts'
import { MarkedProcess } from './marked-process.ts'
import type { MarkedService, Serving } from './run-mark-kills.ts'
import { serviceEnvironment } from './service-environment.ts'

const WAVES = 4
const PUTS_AT_ONCE = 12
const READERS = 8

interface SentRow {
  readonly bucketId: bigint
  readonly sizeBytes: number
  readonly plainCrc: number
}

interface KnownBucket {
  readonly bucketId: bigint
  hasGate: boolean
  /** A fence that was asked for may stand; one that was answered must. */
  fence: 'none' | 'asked' | 'answered'
}

export class BlockIndexLife implements MarkedService {
  readonly marks = MARKS.filter((mark) => mark.startsWith('index.'))
  readonly #directory: string
  readonly #environment: Readonly<Record<string, string>>
  readonly #sent = new Map<BlockHash, SentRow>()
  /** With the position that was answered. */
  readonly #acknowledged = new Map<BlockHash, bigint>()
  readonly #buckets: KnownBucket[] = []
  #serial = 0
  #client: RpcClientOf<typeof BlockIndex> | undefined

  private constructor(directory: string) {
    this.#directory = directory
    const own = { DATA_DIR: join(directory, 'index') }
    this.#environment = serviceEnvironment('block-index', directory, own)
  }

  static initialise(directory: string): BlockIndexLife {
    const life = new BlockIndexLife(directory)
    initialiseBlockIndex(parseConfig(life.#environment), new SystemRandom())
    return life
  }

  async spawn(death: DeathPoint | undefined): Promise<MarkedProcess> {
    const marksPath = join(this.#directory, 'marks')
    const environment = this.#environment
    return await MarkedProcess.spawn({ kind: 'block-index', environment, marksPath, death })
  }

  async connect(serving: Serving): Promise<void> {
    const place = { pocket: parsePocketId('local'), zone: parseZoneId('a') }
    this.#client = createRpcClient(BlockIndex, {
      identity: { ...place, kind: 'frontend', id: '1' },
      resolve: () => Promise.resolve(String(serving['rpcAddress'])),
    })
    await Promise.resolve()
  }

  disconnect(): void {
    this.#client?.close()
    this.#client = undefined
  }

  async end(): Promise<void> {
    await Promise.resolve()
  }

  /** Every acknowledged row stands where it was; the feed has all rows, in order, and no other. */
  async check(): Promise<void> {
    const rows = await this.#readFeeds()
    const found = new Map(rows.map((row) => [hashFromBytes(row.hash), row]))
    expect(found.size, 'a block has one row').toBe(rows.length)
    for (const [hash, row] of found) {
      const { bucketId, sizeBytes, plainCrc } = row
      expect({ bucketId, sizeBytes, plainCrc }, hash).toEqual(this.#sent.get(hash))
    }
    const acknowledged = [...this.#acknowledged]
    const locateInTurn = async (): Promise<void> => {
      for (let next = acknowledged.pop(); next !== undefined; next = acknowledged.pop()) {
        const [hash, position] = next
        expect(found.get(hash)?.position, `the acknowledged row of ${hash}`).toBe(position)
        const { live, row } = await this.#connected().locateBlock({ hash: hashToBytes(hash) })
        expect({ live, row }).toEqual({ live: true, row: found.get(hash) })
      }
    }
    await Promise.all(Array.from({ length: READERS }, locateInTurn))
  }

  /** A birth, puts that share commits, a put into an older bucket, and a fence. */
  async live(): Promise<void> {
    const client = this.#connected()
    const fenced = this.#buckets.findLast(({ fence }) => fence === 'answered')
    if (fenced !== undefined) await this.#putBehindFence(fenced)
    const bucket: KnownBucket = {
      bucketId: BigInt(this.#buckets.length + 1),
      hasGate: false,
      fence: 'none',
    }
    this.#buckets.push(bucket)
    const { bucketId } = bucket
    await client.createGate({ bucketId })
    bucket.hasGate = true
    for (let wave = 0; wave < WAVES; wave += 1) {
      await Promise.all(Array.from({ length: PUTS_AT_ONCE }, () => this.#put(bucketId)))
    }
    const older = this.#buckets.find(({ hasGate, fence }) => hasGate && fence === 'none')
    if (older === undefined || older === bucket) return
    await this.#put(older.bucketId)
    older.fence = 'asked'
    await client.fenceBucket({ bucketId: older.bucketId })
    older.fence = 'answered'
  }

  async #put(bucketId: bigint): Promise<void> {
    this.#serial += 1
    const hash = hashOf(Buffer.from(`row ${this.#serial}`))
    const sent = { bucketId, sizeBytes: this.#serial, plainCrc: 0xf000_0000 + this.#serial }
    this.#sent.set(hash, sent)
    const { row } = await recordBlock(this.#connected(), { hash: hashToBytes(hash), ...sent })
    if (row === undefined) throw new Error('a put is answered with the row that stands')
    this.#acknowledged.set(hash, row.position)
  }

  async #readFeeds(): Promise<readonly BlockRow[]> {
    const feeds: BlockRow[] = []
    for (let partition = 0; partition < FEED_PARTITION_COUNT; partition += 1) {
      let afterPosition = 0n
      let incarnation
      for (;;) {
        const query = { partition, afterPosition, ...(incarnation && { incarnation }) }
        const page = await this.#connected().readFeed(query)
        const last = page.rows.at(-1)
        if (last === undefined) break
        const positions = page.rows.map(({ position }) => position)
        expect(new Set(positions).size, 'positions never repeat').toBe(positions.length)
        expect(positions.every((position) => position > afterPosition)).toBe(true)
        feeds.push(...page.rows)
        afterPosition = last.position
        incarnation = page.incarnation
      }
    }
    return feeds
  }

  /** No row joins a bucket again once its fence was answered. */
  async #putBehindFence({ bucketId }: KnownBucket): Promise<void> {
    const hash = hashOf(Buffer.from(`behind the fence of ${bucketId}`))
    const put = { hash: hashToBytes(hash), bucketId, sizeBytes: 1, plainCrc: 1 }
    try {
      await recordBlock(this.#connected(), put)
    } catch (error) {
      if (isKuraError(error, 'gate-closed')) return
      throw error
    }
    throw new Error(`a row joined bucket ${bucketId} behind its fence`)
  }

  #connected(): RpcClientOf<typeof BlockIndex> {
    if (this.#client === undefined) throw new Error('no process is connected')
    return this.#client
  }
}
